/** What would become of a packet. */
import type { RuleRef } from './policy.js';

/** Addresses or host names as typed; resolved by the node against the installed policy. */
export interface ExplainQuery {
  /** tcp, udp, sctp, icmp, icmp6, or a protocol number. */
  protocol: string;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  /** icmp, icmp6: type of the message. */
  icmpType: number;
  /** Port of entry; '' when the node shall choose. */
  port: string;
  /** VLAN ids, the outer one first; [0] for none, [] when the node shall choose. */
  vlan: number[];
}

export interface ExplainResult {
  verdict: 'accept' | 'drop';
  reason: string;
  explanation: string;
  /** What a drop for `rate` or `limit` went over: `host www: 1000 states, 50/s`; else ''. */
  limit: string;
  port: string;
  /** That were assumed, the outer one first. */
  vlan: number[];
  rules: { out: RuleRef | null; in: RuleRef | null; transit: RuleRef | null; deny: RuleRef | null };
  state: { phase: string } | null;
}
