/** Single packets and sessions, as they are logged. */
import type { RuleRef } from './policy.js';
import type { Traffic } from './states.js';

/** The beginning or the end of a connection whose rule says `log: session`. */
export interface SessionRecord {
  /** ISO 8601: of the opening packet, or of the last one. */
  ts: string;
  event: 'session-start' | 'session-end';
  proto: string;
  /** The end that opened it. */
  src: string;
  sport: number;
  dst: string;
  dport: number;
  vlan: number[];
  start: string;
  /** How long it lasted, of an end. */
  seconds: number;
  /** Of an end: closed, reset, expired, cut, killed, replaced, evicted; else ''. */
  reason: string;
  /** By the end that opened it. */
  sent: Traffic;
  received: Traffic;
  rules: { out: RuleRef | null; in: RuleRef | null; transit: RuleRef | null };
}

export interface LogRecord {
  /** ISO 8601. */
  ts: string;
  verdict: 'accept' | 'drop';
  reason: string;
  explanation: string;
  proto: string;
  src: string;
  sport: number;
  dst: string;
  dport: number;
  icmpType: number | null;
  port: string;
  vlan: number[];
  srcMac: string;
  dstMac: string;
  length: number;
  rule: RuleRef | null;
}
