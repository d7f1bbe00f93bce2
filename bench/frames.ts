/** Frames of each kind of traffic, and what the source has to know to vary them (struct job of bench.bpf.c). */
import { ether, filling, frame, ipv4, ipv6, padded, tcp, udp, vlan } from '../test/packet/index.js';
import { hostAddress, hostAddress6, SERVICE_PORT } from './policy.js';
import type { Shape, Work } from './works.js';

const CLIENT_MAC = '02:00:00:00:aa:01';
const SERVER_MAC = '02:00:00:00:aa:02';
/** First clients, each followed by 65,535 others: of established connections, new ones, denied ones. */
const CLIENTS = {
  established: [10, 64, 0, 0],
  new: [10, 1, 0, 0],
  denied: [10, 200, 0, 1],
  logged: [10, 200, 0, 1],
} as const;
const CLIENTS6 = '2001:db8:c:';
/** The port of the first 65,536 clients; the next as many have the next one. */
const CLIENT_PORT = 1024;
const UDP_HEADER = 8;
const TCP_HEADER = 20;
/** The time of day goes where the frame has bytes of its own. */
const STAMPED_LENGTH = 46;

/** MAC of the server, for the table of a bridge. */
export { SERVER_MAC };
/** The source that every deny set holds. */
export const DENIED_CLIENT = CLIENTS.denied.join('.');

/** Steps by which a connection is opened, and what is measured of it. */
export type Step = 'syn' | 'syn-ack' | 'ack' | 'datagram' | 'answer';

/** What passes before a connection is established, in this order. */
export const OPENING: Readonly<Record<Shape['proto'], readonly Step[]>> = {
  tcp: ['syn', 'syn-ack', 'ack'],
  udp: ['datagram', 'answer'],
};

const BACK: readonly Step[] = ['syn-ack', 'answer'];

/** Whether a step comes from the server. */
export function isBack(step: Step): boolean {
  return BACK.includes(step);
}

/** The step that is measured. */
export function measuredStep({ shape, kind }: Work): Step {
  if (shape.proto === 'udp') return 'datagram';
  return kind === 'established' ? 'ack' : 'syn';
}

const SEGMENTS = {
  syn: { flags: 'S', seq: 1000 },
  'syn-ack': { flags: 'SA', seq: 500, ack: 1001 },
  ack: { flags: 'A', seq: 1001, ack: 501 },
} as const;

/** A shape with room for the time of day. */
export function stamped(shape: Shape): Shape {
  return { ...shape, length: STAMPED_LENGTH };
}

/** The frame of the first client of a lane, to or from a screened host. */
export function frameOf(
  { shape, kind }: Pick<Work, 'shape' | 'kind'>,
  step: Step,
  host: number,
  lane = 0,
): Buffer {
  const back = isBack(step);
  const [near, far] = (back ? [SERVER_MAC, CLIENT_MAC] : [CLIENT_MAC, SERVER_MAC]).map((mac) =>
    mac.replace('00:00:00', `00:00:0${lane}`),
  ) as [string, string];
  const [first, second, ...rest] = CLIENTS[kind];
  const client = [first, second + lane, ...rest] as const;
  const ends = (of: string, to: string) => (back ? { src: to, dst: of } : { src: of, dst: to });
  const ip =
    shape.family === 4
      ? ipv4(ends(client.join('.'), hostAddress(host)))
      : ipv6(
          ends(
            `${CLIENTS6}:${hex(client[0], client[1])}:${hex(client[2], client[3])}`,
            hostAddress6(host),
          ),
        );
  const header = (shape.family === 4 ? 20 : 40) + (shape.proto === 'tcp' ? TCP_HEADER : UDP_HEADER);
  const payload = step === 'syn' || step === 'syn-ack' ? 0 : Math.max(0, shape.length - header);
  const tags = shape.vlan === 0 ? [] : [vlan(shape.vlan)];
  return padded(
    frame(ether({ src: near, dst: far }), ...tags, ip, transport(shape, step), filling(payload)),
  );
}

function transport(shape: Shape, step: Step) {
  const ports = isBack(step)
    ? { sport: SERVICE_PORT, dport: CLIENT_PORT }
    : { sport: CLIENT_PORT, dport: SERVICE_PORT };
  if (step === 'datagram' || step === 'answer') {
    return udp({ ...ports, ...(shape.family === 4 ? { checksum: 0 } : {}) });
  }
  return tcp({ ...ports, ...SEGMENTS[step] });
}

function hex(high: number, low: number): string {
  return ((high << 8) | low).toString(16);
}

/** Fields of struct job that depend on the frame. */
export interface Variation {
  readonly family: number;
  readonly client: number;
  readonly server: number;
  readonly servers: number;
  readonly serverPort: number;
  readonly ipSum: number;
  readonly l4Sum: number;
  /** What the frame begins with. */
  readonly head: Uint8Array;
}

const RENEWED = 20;

/** What the source rewrites, and the sums of what it leaves alone. */
export function variation(shape: Shape, step: Step, bytes: Buffer, servers: number): Variation {
  const l3 = shape.vlan === 0 ? 14 : 18;
  const back = isBack(step);
  const v4 = shape.family === 4;
  // The last words of the two addresses, and where the segment begins and ends.
  const [source, destination] = v4 ? [l3 + 12, l3 + 16] : [l3 + 20, l3 + 36];
  const l4 = l3 + (v4 ? 20 : 40);
  const end = v4 ? l3 + bytes.readUInt16BE(l3 + 2) : l4 + bytes.readUInt16BE(l3 + 4);
  const [client, server] = back ? [destination, source] : [source, destination];
  const found = { client: bytes.readUInt32BE(client), server: bytes.readUInt32BE(server) };
  const rest = Buffer.from(bytes);
  for (const at of [source, destination]) rest.writeUInt32BE(0, at);
  if (v4) rest.writeUInt16BE(0, l3 + 10);
  rest.writeUInt16BE(0, l4 + (back ? 2 : 0));
  rest.writeUInt16BE(0, l4 + (shape.proto === 'tcp' ? 16 : 6));
  const pseudo = (shape.proto === 'tcp' ? 6 : 17) + (end - l4);
  const addresses = v4 ? 0 : sum(rest.subarray(l3 + 8, l4));
  return {
    ...{ family: shape.family, ...found, servers, serverPort: SERVICE_PORT },
    ipSum: v4 ? sum(rest.subarray(l3, l4)) : 0,
    l4Sum: sum(rest.subarray(l4, end)) + pseudo + addresses,
    head: bytes.subarray(0, RENEWED),
  };
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    total += at + 1 < bytes.length ? bytes.readUInt16BE(at) : bytes[at]! << 8;
  }
  return total;
}
