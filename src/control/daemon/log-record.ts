/** What netfilter logged, told in the policy's words. */
import { MarkBits } from '../../generated/layouts.js';
import type { NflogRecord } from '../netfilter/index.js';
import type { LogRecord } from '../service.js';
import type { RuleIndex } from './rules.js';

/** What the mark says about a frame. */
export type MarkMeaning =
  | { readonly verdict: 'accept'; readonly ruleSlot: number }
  | { readonly verdict: 'drop'; readonly reason: number; readonly denyLine: number };

/** What it takes to put names to numbers. */
export interface LogContext {
  readonly rules: Pick<RuleIndex, 'ref' | 'denyLine'>;
  reason(number: number): { name: string; text: string };
  /** Name of a port; '' when it is not known. */
  portName(ifindex: number): string;
}

/** Reads a mark; undefined: it is none of a log record. */
export function readMark(mark: number): MarkMeaning | undefined {
  const rest = (mark & ~MarkBits.KIND) >>> 0;
  switch ((mark & MarkBits.KIND) >>> 0) {
    case MarkBits.ACCEPT_LOG:
    case MarkBits.SENT_LOG:
      return { verdict: 'accept', ruleSlot: rest };
    case MarkBits.DROP_LOG:
      return { verdict: 'drop', reason: rest & 0xff, denyLine: (rest >>> 8) & 0xff };
    default:
      return undefined;
  }
}

/** A record for people; undefined when it is none of ours. */
export function describeLog(record: NflogRecord, context: LogContext): LogRecord | undefined {
  const meaning = readMark(record.mark);
  if (meaning === undefined) return undefined;
  const reason =
    meaning.verdict === 'accept'
      ? { name: 'none', text: 'the frame was not dropped' }
      : context.reason(meaning.reason);
  const rule =
    meaning.verdict === 'accept'
      ? context.rules.ref(meaning.ruleSlot)
      : reason.name === 'denied'
        ? context.rules.denyLine(meaning.denyLine)
        : null;
  return {
    ts: new Date(record.time).toISOString(),
    verdict: meaning.verdict,
    reason: reason.name,
    explanation: reason.text,
    proto: record.proto,
    src: record.src,
    sport: record.sport,
    dst: record.dst,
    dport: record.dport,
    icmpType: record.icmpType,
    port: context.portName(record.ifindex),
    vlan: [...record.vlan],
    srcMac: record.srcMac,
    dstMac: record.dstMac,
    length: record.length,
    rule,
  };
}
