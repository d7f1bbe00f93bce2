import { addressKey } from '../address.js';
import type { Judgement } from '../opening.js';
import { type Connection, openingOf, type Phase, relate } from './connection.js';
import { judgeConnection } from './expected.js';
import { judgeDeny, screenedHost } from './judge.js';
import { type Arrived, NO_RULES } from './outcome.js';
import type { Packet } from './packet.js';
import { parseQuote, type Quote } from './quote.js';

/** Errors that quote the packet they are about; source quench is history (RFC 6633). */
const ERRORS = { 4: new Set([3, 11, 12]), 6: new Set([1, 2, 3, 4]) } as const;

/** Phases in which only the opener has spoken. */
const ONE_SIDED: ReadonlySet<Phase> = new Set<Phase>(['syn-sent', 'one-way']);

/** Is this an ICMP error about another packet? */
export function isIcmpError({ family, transport }: Packet): boolean {
  return transport?.kind === 'icmp' && ERRORS[family].has(transport.type);
}

/** An ICMP error, and under what it came. */
export interface ErrorArrival extends Arrived {
  readonly epoch: number;
}

/** What becomes of an error; `key` and `before`: the connection that it passes for, and its phase. */
export interface ErrorJudgement {
  readonly reason: Judgement['reason'] | 'no-state';
  readonly rules: Judgement['rules'];
  readonly log: boolean;
  readonly key: string | null;
  readonly before: Phase | null;
}

const NOBODYS: ErrorJudgement = {
  reason: 'no-state',
  rules: NO_RULES,
  log: false,
  key: null,
  before: null,
};

/** An ICMP error passes for the connection that it quotes, and changes nothing about it. */
export function judgeError(
  { world, frame, packet, fromUplink, epoch }: ErrorArrival,
  find: (key: string) => Connection | null,
): ErrorJudgement {
  const denied = judgeDeny(world, openingOf(frame, packet, fromUplink));
  if (denied !== null) return { ...NOBODYS, ...denied };
  const quote = quoteFor(packet);
  const { key } = quote === null ? { key: null } : relate(frame, quote.packet);
  const connection = key === null ? null : find(key);
  if (quote === null || connection === null) return NOBODYS;
  // It comes from where the quoted packet was going.
  if (fromUplink && screenedHost(world, quote.packet.destination, frame.tags) !== null) {
    return { ...NOBODYS, reason: 'spoofed' };
  }
  let { rules } = connection;
  if (connection.epoch !== epoch) {
    const judgement = judgeConnection(world, connection);
    if (judgement.verdict === 'drop') return { ...NOBODYS, ...judgement };
    rules = judgement.rules;
  }
  if (!isPlausible(quote, connection)) return NOBODYS;
  return { ...NOBODYS, reason: 'none', rules, key, before: connection.phase };
}

/** What an error quotes, if that was sent by the one who is told. */
function quoteFor(error: Packet): Quote | null {
  if (error.transport?.kind !== 'icmp') return null;
  const quote = parseQuote(error.family, error.transport.body);
  return quote !== null && same(quote.packet.source, error.destination) ? quote : null;
}

/** Can the sender of the quoted packet have sent it? */
function isPlausible({ packet, sequence }: Quote, connection: Connection): boolean {
  const byOpener = addressKey(packet.source) === connection.originator;
  if (!byOpener && ONE_SIDED.has(connection.phase)) return false;
  if (connection.midStream !== null) return connection.midStream.hasSent(sequence, !byOpener);
  return connection.tcp === null || connection.tcp.hasSent(sequence, !byOpener);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return addressKey(a) === addressKey(b);
}
