/**
 * The frame that `explain` sends through the dataplane: what the first packet of a connection looks
 * like. Everything in it is right (lengths, checksums), so that only the policy decides.
 */
import { isV4 } from '../policy/address.js';
import { macBytes } from './ports.js';

export interface FrameSpec {
  /** IP protocol number. */
  readonly protocol: number;
  /** 16 bytes each, IPv4 as ::ffff:a.b.c.d; both of one family. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly icmpType: number;
  /** VLAN ids, the outer one first; 0: no such tag. */
  readonly vlan: readonly [number, number];
  /** Null: any. */
  readonly sourceMac: string | null;
}

export const Protocol = { ICMP: 1, TCP: 6, UDP: 17, ICMP6: 58, SCTP: 132 } as const;

/** Locally administered, so that no real machine has them. */
const SOURCE_MAC = Buffer.from('026277000001', 'hex');
const DESTINATION_MAC = Buffer.from('026277000002', 'hex');
const SHORTEST = 60;
const CUSTOMER_TAG = 0x8100;
const SERVICE_TAG = 0x88a8;

/** RFC 1071 over all parts as one run of bytes; every part but the last has an even length. */
function checksum(...parts: Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Pseudo header that TCP, UDP and ICMPv6 checksum over. */
function pseudoHeader(spec: FrameSpec, length: number): Buffer {
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(length, 0);
  tail.writeUInt32BE(spec.protocol, 4);
  const from = isV4(spec.source) ? 12 : 0;
  return Buffer.concat([spec.source.subarray(from), spec.destination.subarray(from), tail]);
}

function tcpSyn(spec: FrameSpec): Buffer {
  const tcp = Buffer.alloc(24);
  tcp.writeUInt16BE(spec.sourcePort, 0);
  tcp.writeUInt16BE(spec.destinationPort, 2);
  tcp.writeUInt32BE(0x62770001, 4);
  tcp[12] = (tcp.length / 4) << 4;
  tcp[13] = 0x02;
  tcp.writeUInt16BE(64240, 14);
  tcp.set([2, 4, 1460 >> 8, 1460 & 0xff], 20);
  tcp.writeUInt16BE(checksum(pseudoHeader(spec, tcp.length), tcp), 16);
  return tcp;
}

function udp(spec: FrameSpec): Buffer {
  const datagram = Buffer.alloc(8 + 4);
  datagram.writeUInt16BE(spec.sourcePort, 0);
  datagram.writeUInt16BE(spec.destinationPort, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  const sum = checksum(pseudoHeader(spec, datagram.length), datagram);
  datagram.writeUInt16BE(sum === 0 ? 0xffff : sum, 6);
  return datagram;
}

function icmp(spec: FrameSpec): Buffer {
  const message = Buffer.alloc(8 + 16);
  message[0] = spec.icmpType;
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(1, 6);
  const sum =
    spec.protocol === Protocol.ICMP6
      ? checksum(pseudoHeader(spec, message.length), message)
      : checksum(message);
  message.writeUInt16BE(sum, 2);
  return message;
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function sctpInit(spec: FrameSpec): Buffer {
  const packet = Buffer.alloc(12 + 20);
  packet.writeUInt16BE(spec.sourcePort, 0);
  packet.writeUInt16BE(spec.destinationPort, 2);
  packet[12] = 1;
  packet.writeUInt16BE(20, 14);
  packet.writeUInt32BE(0x62770001, 16);
  packet.writeUInt32BE(65536, 20);
  packet.writeUInt16BE(1, 24);
  packet.writeUInt16BE(1, 26);
  packet.writeUInt32BE(0x62770001, 28);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

function transport(spec: FrameSpec): Buffer {
  switch (spec.protocol) {
    case Protocol.TCP:
      return tcpSyn(spec);
    case Protocol.UDP:
      return udp(spec);
    case Protocol.SCTP:
      return sctpInit(spec);
    case Protocol.ICMP:
    case Protocol.ICMP6:
      return icmp(spec);
    default:
      return Buffer.alloc(8);
  }
}

function ipv4(spec: FrameSpec, payload: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(0x4000, 6);
  header[8] = 64;
  header[9] = spec.protocol;
  header.set(spec.source.subarray(12), 12);
  header.set(spec.destination.subarray(12), 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ipv6(spec: FrameSpec, payload: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(payload.length, 4);
  header[6] = spec.protocol;
  header[7] = 64;
  header.set(spec.source, 8);
  header.set(spec.destination, 24);
  return header;
}

/** Of two tags, the outer one is of 802.1ad. */
function tags([outer, inner]: FrameSpec['vlan']): Buffer {
  const tag = (tpid: number, vid: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt16BE(tpid, 0);
    bytes.writeUInt16BE(vid, 2);
    return bytes;
  };
  if (outer === 0) return Buffer.alloc(0);
  if (inner === 0) return tag(CUSTOMER_TAG, outer);
  return Buffer.concat([tag(SERVICE_TAG, outer), tag(CUSTOMER_TAG, inner)]);
}

/** An Ethernet frame with the first packet of the connection. */
export function firstFrame(spec: FrameSpec): Buffer {
  const v4 = isV4(spec.source);
  const payload = transport(spec);
  const type = Buffer.from(v4 ? '0800' : '86dd', 'hex');
  const ip = v4 ? ipv4(spec, payload) : ipv6(spec, payload);
  const from = spec.sourceMac === null ? SOURCE_MAC : macBytes(spec.sourceMac);
  const frame = Buffer.concat([DESTINATION_MAC, from, tags(spec.vlan), type, ip, payload]);
  return frame.length < SHORTEST
    ? Buffer.concat([frame, Buffer.alloc(SHORTEST - frame.length)])
    : frame;
}
