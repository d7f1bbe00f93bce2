import { isV4 } from '../address.js';
import type { Frame } from './frame.js';
import type { Packet } from './packet.js';

/** MPLS and PPPoE: IP may be inside, where nobody looks. */
const WRAPPING_ETHERTYPES: ReadonlySet<number> = new Set([0x8847, 0x8848, 0x8863, 0x8864]);

/** ICMPv6 that is sent before a host has an address: MLD, router and neighbour solicitation. */
const ADDRESSLESS_TYPES: ReadonlySet<number> = new Set([131, 132, 133, 135, 143]);

/** A source that cannot be, or IP inside another link layer. */
export function isMartian(frame: Frame): boolean {
  const { sourceMac, ethertype, wrapped, arpSender, packet } = frame;
  if (isGroupMac(sourceMac) || sourceMac.every((byte) => byte === 0)) return true;
  if (wrapped || WRAPPING_ETHERTYPES.has(ethertype)) return true;
  if (arpSender !== null && isGroupMac(arpSender)) return true;
  if (packet === null) return false;
  if (Buffer.compare(packet.source, packet.destination) === 0) return true;
  return packet.family === 4 ? isMartianV4(packet) : isMartianV6(packet);
}

/** Multicast or broadcast. */
export function isGroupMac(mac: Uint8Array): boolean {
  return (mac[0]! & 1) === 1;
}

function isMartianV4(packet: Packet): boolean {
  const source = packet.source.subarray(12);
  const destination = packet.destination.subarray(12);
  if (destination[0] === 127 || destination[0] === 0) return true;
  if (source[0] === 0) {
    return !(source.every((byte) => byte === 0) && asksForLease(packet));
  }
  return source[0] === 127 || source[0]! >= 224;
}

/** DHCP of a client that has no address yet. */
function asksForLease({ transport }: Packet): boolean {
  return (
    transport?.kind === 'udp' && transport.sourcePort === 68 && transport.destinationPort === 67
  );
}

function isMartianV6(packet: Packet): boolean {
  const { source, destination, transport } = packet;
  if (isZero(destination) || isLoopback(destination) || isV4(destination)) return true;
  if (isLoopback(source) || isV4(source) || source[0] === 0xff) return true;
  if (!isZero(source)) return false;
  return !(transport?.kind === 'icmp' && ADDRESSLESS_TYPES.has(transport.type));
}

function isZero(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

function isLoopback(address: Uint8Array): boolean {
  return address.every((byte, i) => byte === (i === 15 ? 1 : 0));
}
