import { addressKey } from '../address.js';
import { PROTO_SCTP, PROTO_TCP, PROTO_UDP } from '../codes.js';
import type { Judgement, Opening } from '../opening.js';
import type { Frame } from './frame.js';
import type { MidStream } from './mid-stream.js';
import { type Packet, packetCode } from './packet.js';
import { ACK, opensConnection, RST, SYN, type TcpPhase } from './tcp.js';
import { type Segment, TcpConversation } from './tcp-conversation.js';

/** Not TCP: no answer yet, or both ways seen. TCP that was picked up: both ends have not agreed. */
export type Phase = TcpPhase | 'mid-stream' | 'one-way' | 'both-ways';

/** One connection. */
export interface Connection {
  readonly key: string;
  /** Who opened it, as {@link addressKey}. */
  readonly originator: string;
  /** The packet that opened it, for judging it again. */
  readonly opening: Opening;
  readonly protocol: number;
  readonly icmp: boolean;
  phase: Phase;
  /** Its windows; null for what is not TCP, and while its ends have not agreed. */
  tcp: TcpConversation | null;
  /** What its ends said, until they have agreed. */
  midStream: MidStream | null;
  /** Nobody saw its handshake. */
  readonly pickedUp: boolean;
  /** Both ways were seen (TCP: handshake complete). */
  established: boolean;
  /** Times in jiffies. */
  readonly born: number;
  seen: number;
  epoch: number;
  rules: Judgement['rules'];
  /** What its rules ask for besides: see detour.ts of the policy. */
  detour: number;
  /** The opening of the connection for whose sake it was accepted; null: it has rules of its own. */
  readonly master: Opening | null;
}

/** How a packet relates to connections. */
export interface Relation {
  /** Null: it belongs to no connection of its own (an ICMP error, say). */
  readonly key: string | null;
  readonly mayOpen: boolean;
}

/** Requests by the type of their answer. */
const ICMP_REQUESTS = { 4: { 0: 8, 14: 13, 16: 15, 18: 17 }, 6: { 129: 128 } } as const;

/** Timeouts in seconds. */
export interface Timeouts {
  readonly tcp: Readonly<Record<TcpPhase, number>>;
  readonly midStream: number;
  readonly udp: number;
  readonly udpStream: number;
  readonly icmp: number;
  readonly sctp: number;
  readonly sctpEstablished: number;
  readonly other: number;
  readonly fdb: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  tcp: {
    'syn-sent': 120,
    'syn-recv': 60,
    established: 432_000,
    'fin-wait': 120,
    'close-wait': 60,
    'last-ack': 30,
    'time-wait': 120,
    close: 10,
    'syn-sent2': 120,
  },
  midStream: 30,
  udp: 30,
  udpStream: 120,
  icmp: 30,
  sctp: 30,
  sctpEstablished: 210,
  other: 600,
  fdb: 300,
};

const SETTLED: ReadonlySet<Phase> = new Set<Phase>([
  'established',
  'fin-wait',
  'close-wait',
  'last-ack',
  'time-wait',
  'both-ways',
]);

/** Does this phase make a pending connection an established one? */
export function isSettled(phase: Phase): boolean {
  return SETTLED.has(phase);
}

/** Seconds of silence after which a connection is over. */
export function timeoutOf(connection: Connection, timeouts: Timeouts): number {
  const { protocol, phase, icmp } = connection;
  const answered = phase === 'both-ways';
  if (phase === 'mid-stream') return timeouts.midStream;
  if (phase !== 'one-way' && phase !== 'both-ways') return timeouts.tcp[phase];
  if (icmp) return timeouts.icmp;
  if (protocol === PROTO_UDP) return answered ? timeouts.udpStream : timeouts.udp;
  if (protocol === PROTO_SCTP) return answered ? timeouts.sctpEstablished : timeouts.sctp;
  return timeouts.other;
}

/** The first phase of a connection. */
export function firstPhase(protocol: number): Phase {
  return protocol === PROTO_TCP ? 'syn-sent' : 'one-way';
}

/** The opening that a packet would be. */
export function openingOf({ tags }: Frame, packet: Packet, fromUplink: boolean): Opening {
  const { source, destination } = packet;
  return { source, destination, code: packetCode(packet), fromUplink, tags };
}

/** Key of the connection between two addresses ({@link addressKey}) and ports; `place`: family, protocol, tags. */
export function keyOfEnds(
  place: readonly number[],
  [source, sourcePort]: readonly [string, number],
  [destination, destinationPort]: readonly [string, number],
): string {
  const ends = [`${source}.${sourcePort}`, `${destination}.${destinationPort}`];
  if (source > destination) ends.reverse();
  return [...place, ...ends].join(' ');
}

/** To which connection a packet belongs, and whether it may open one. Not for fragments. */
export function relate(frame: Frame, packet: Packet): Relation {
  const { transport, protocol, family } = packet;
  const source = addressKey(packet.source);
  const destination = addressKey(packet.destination);
  const place = [family, protocol, ...frame.tags];
  if (transport === null) {
    return { key: [...place, ...[source, destination].sort()].join(' '), mayOpen: true };
  }
  if (transport.kind === 'icmp') {
    const requests: Readonly<Record<number, number>> = ICMP_REQUESTS[family];
    const answered = requests[transport.type];
    const request = answered ?? transport.type;
    if (!Object.values(requests).includes(request)) return { key: null, mayOpen: false };
    // Who asks is part of the key: a request never passes as an answer to the other side's.
    const ends = answered === undefined ? [source, destination] : [destination, source];
    const key = [...place, ...ends, transport.identifier, request].join(' ');
    return { key, mayOpen: answered === undefined };
  }
  const key = keyOfEnds(
    place,
    [source, transport.sourcePort],
    [destination, transport.destinationPort],
  );
  if (transport.kind === 'tcp') return { key, mayOpen: opensConnection(transport.flags) };
  return { key, mayOpen: transport.kind === 'udp' || transport.init };
}

/**
 * Has the sender of a segment shown with it that it got what was sent to its address? Whoever answers a SYN
 * by its number, and whoever acknowledges that answer.
 */
export function completesHandshake(before: Phase, after: Phase): boolean {
  if (before === 'syn-sent') return after === 'syn-recv';
  return before === 'syn-recv' && isSettled(after);
}

/** The connection that a SYN inside another one would begin, under the same rules. */
export function successorOf(connection: Connection, syn: Segment, now: number): Connection {
  const fresh = { phase: 'syn-sent', established: false, born: now, seen: now } as const;
  return { ...connection, ...fresh, pickedUp: false, tcp: new TcpConversation(syn) };
}

/**
 * May a segment be of a connection that stands beside an established one? Of one that only its opener
 * knows, the answer to its SYN.
 */
export function mayBeOfSuccessor(
  { phase }: Connection,
  { flags }: Segment,
  reply: boolean,
): boolean {
  const answers = (flags & ACK) !== 0 && (flags & (SYN | RST)) !== 0;
  return phase === 'syn-recv' || (phase === 'syn-sent' && reply && answers);
}
