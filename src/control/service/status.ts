/** How the node does: its ports, its counters, and what somebody has to know. */
import type { SyncStatus } from './pair.js';
import type { Confirmation, RuleRef } from './policy.js';

export interface PortStatus {
  port: string;
  side: 'uplink' | 'inside';
  mode: string;
  why: string;
}

/** What an operator has to know now. */
export interface Alarm {
  /** table-nearly-full, table-full, sync; more may come. */
  kind: string;
  message: string;
  /** ISO 8601. */
  since: string;
}

export interface StatusResult {
  node: string;
  role: string;
  mode: string;
  generation: number;
  policy: { digest: string; rules: number; hosts: number } | null;
  attach: PortStatus[];
  states: { pending: number; established: number; max: number };
  counters: CounterTotals;
  sync: SyncStatus | null;
  /** Null: the generation stays. */
  confirm: Confirmation | null;
  alarms: Alarm[];
}

export interface CounterTotals {
  rx: number;
  forwarded: number;
  passed: number;
  answered: number;
  txFailed: number;
  dropped: Record<string, number>;
  /** Log records that were not made, and those that never reached a reader. */
  logSuppressed: number;
  logLost: number;
  /** TCP segments out of window that were let through, for `state.liberal`. */
  outOfWindowPassed: number;
  /** TCP connections that were picked up mid-stream. */
  pickedUp: number;
  /** Connections with `log: session` of which nothing was kept or told, for want of room. */
  sessionsLost: number;
}

export interface RuleCounters {
  rule: RuleRef;
  packets: number;
  bytes: number;
  connections: number;
  /** Seconds since the last hit, or null. */
  idle: number | null;
}

export interface CountersResult {
  total: CounterTotals;
  ports: Record<string, CounterTotals>;
  rules: RuleCounters[];
  /** Name and one-line explanation of each drop reason that occurs above. */
  reasons: Record<string, string>;
}

export interface PortInfo {
  name: string;
  side: 'uplink' | 'inside';
  ifindex: number;
  mac: string;
  mtu: number;
  carrier: boolean;
  /** disabled, listening, learning, forwarding, blocking; none: it is not in the bridge. */
  stp: string;
  mode: string;
  why: string;
  macs: number;
  counters: CounterTotals;
}
