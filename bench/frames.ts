/** The frames that are measured, those that open a connection before, and what the source needs to vary them. */
import { ether, frame, ipv4, type Layer, padded, tcp, udp } from '../test/packet/index.js';
import { hostAddress, SERVICE_PORT } from './policy.js';

const CLIENT_MAC = '02:00:00:00:aa:01';
const SERVER_MAC = '02:00:00:00:aa:02';
/** Source of the established connections; new ones come from 10.1.0.0 on. */
const CLIENT = '10.9.8.7';
const CLIENT_PORT = 40000;
const FIRST_NEW_CLIENT = 0x0a010000;
const ports = { sport: CLIENT_PORT, dport: SERVICE_PORT };
const back = { sport: SERVICE_PORT, dport: CLIENT_PORT };
const SYN = { flags: 'S', seq: 1000 };
const SYN_ACK = { flags: 'SA', seq: 500, ack: 1001 };
const ACK = { flags: 'A', seq: 1001, ack: 501 };
const IP = 14;
const L4 = 34;

/** MAC of the server, for the table of a bridge. */
export { SERVER_MAC };

/** One kind of traffic. */
export interface Work {
  readonly name: string;
  readonly proto: 'udp' | 'tcp';
  /** Every frame opens a connection. */
  readonly fresh: boolean;
  /** Every frame goes to the next screened host; only where there are many. */
  readonly spread: boolean;
}

export const WORKS: readonly Work[] = [
  { name: 'established UDP', proto: 'udp', fresh: false, spread: false },
  { name: 'established TCP', proto: 'tcp', fresh: false, spread: false },
  { name: 'new UDP', proto: 'udp', fresh: true, spread: false },
  { name: 'new TCP', proto: 'tcp', fresh: true, spread: false },
  { name: 'new TCP, hosts in turn', proto: 'tcp', fresh: true, spread: true },
];

/** A frame and the side it comes from. */
export interface Step {
  readonly from: 'uplink' | 'inside';
  readonly frame: Buffer;
}

/** A frame of the established connection, or the first of a new one, as the uplink receives it. */
export function measuredFrame(work: Work, host: number): Buffer {
  if (work.proto === 'udp') return inward(host, udp({ ...ports, checksum: 0 }));
  return inward(host, tcp({ ...ports, ...(work.fresh ? SYN : ACK) }));
}

/** What has to pass before `work` is measured; UDP may be repeated. */
export function opening(proto: 'udp' | 'tcp', host: number): Step[] {
  if (proto === 'udp') {
    return [
      { from: 'uplink', frame: inward(host, udp({ ...ports, checksum: 0 })) },
      { from: 'inside', frame: outward(host, udp({ ...back, checksum: 0 })) },
    ];
  }
  return [
    { from: 'uplink', frame: inward(host, tcp({ ...ports, ...SYN })) },
    { from: 'inside', frame: outward(host, tcp({ ...back, ...SYN_ACK })) },
    { from: 'uplink', frame: inward(host, tcp({ ...ports, ...ACK })) },
  ];
}

/** What the source rewrites, and the sums of what it leaves alone (struct job of bench.bpf.c). */
export function variation(
  work: Work,
  host: number,
  hosts: number,
): { source: number; destination: number; destinations: number; ipSum: number; l4Sum: number } {
  const bytes = Buffer.from(measuredFrame(work, host));
  const end = IP + bytes.readUInt16BE(IP + 2);
  const destination = bytes.readUInt32BE(IP + 16);
  bytes.fill(0, IP + 12, IP + 20);
  bytes.writeUInt16BE(0, IP + 10);
  bytes.writeUInt16BE(0, L4);
  if (work.proto === 'tcp') bytes.writeUInt16BE(0, L4 + 16);
  const pseudo = (work.proto === 'tcp' ? 6 : 17) + (end - L4);
  return {
    source: FIRST_NEW_CLIENT,
    destination: work.spread ? destination - host : destination,
    destinations: work.spread ? hosts : 1,
    ipSum: sum(bytes.subarray(IP, L4)),
    l4Sum: sum(bytes.subarray(L4, end)) + pseudo,
  };
}

function inward(host: number, layer: Layer): Buffer {
  const link = ether({ src: CLIENT_MAC, dst: SERVER_MAC });
  return padded(frame(link, ipv4({ src: CLIENT, dst: hostAddress(host) }), layer));
}

function outward(host: number, layer: Layer): Buffer {
  const link = ether({ src: SERVER_MAC, dst: CLIENT_MAC });
  return padded(frame(link, ipv4({ src: hostAddress(host), dst: CLIENT }), layer));
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    total += at + 1 < bytes.length ? bytes.readUInt16BE(at) : bytes[at]! << 8;
  }
  return total;
}
