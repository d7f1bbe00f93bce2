import { addressKey } from '../address.js';
import { type Connection, type Phase, relate } from './connection.js';
import type { Frame } from './frame.js';
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

/** What an ICMP error is about. */
export interface About {
  /** Key of the connection that the quoted packet belongs to. */
  readonly key: string;
  readonly quote: Quote;
}

/** The connection that an ICMP error names, or null when it names none that concerns its receiver. */
export function aboutOf(frame: Frame, error: Packet): About | null {
  if (error.transport?.kind !== 'icmp') return null;
  const quote = parseQuote(error.family, error.transport.body);
  if (quote === null || !same(quote.packet.source, error.destination)) return null;
  const { key } = relate(frame, quote.packet);
  return key === null ? null : { key, quote };
}

/** Can the sender of the quoted packet have sent it? */
export function isPlausible({ quote }: About, connection: Connection): boolean {
  const byOpener = addressKey(quote.packet.source) === connection.originator;
  return byOpener || !ONE_SIDED.has(connection.phase);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return addressKey(a) === addressKey(b);
}
