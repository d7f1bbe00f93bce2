/** Policies as they are applied, compared and remembered. */
import type { PolicyWarning } from '../policy/plan.js';

/** Who asks, as the client says. */
export interface Caller {
  /** Login name: of the person, also behind sudo. */
  readonly user: string;
  /** User id that the client runs as; null: it has none. */
  readonly uid: number | null;
}

export interface PolicySource {
  /** Text of the policy. */
  readonly text: string;
  /** Name to show in positions. */
  readonly file: string;
}

/** A rule as `explain`, `states` and events name it. */
export interface RuleRef {
  id: string;
  host: string;
  direction: string;
  service: string;
  peers: string;
  /** `log, rate 100/s`; '' for none. */
  options: string;
  file: string;
  line: number;
}

export interface RuleChange {
  kind: 'added' | 'removed' | 'changed';
  before: RuleRef | null;
  after: RuleRef | null;
}

/**
 * New connections that one of two policies allows and the other does not: packets, not lines. Of a
 * connection between two screened hosts each half is one. What deny lines close, they say themselves.
 */
export interface PacketChange {
  kind: 'opened' | 'closed';
  direction: 'in' | 'out' | 'transit';
  /** '' for transit. */
  host: string;
  services: string[];
  /** The other end (of transit the source): prefixes, `any`, `X but not Y`, `members of GROUP`. */
  peers: string[];
  /** Of transit: the destination. */
  to: string[];
}

/** Limits are texts: `1000 states, 50/s`; '' for none. */
export interface LimitChange {
  /** `every source`, `host www`. */
  what: string;
  before: string;
  after: string;
}

/** Where a host may speak from, as a policy writes it: `vlan: 10, port: dn0`; '' for anywhere. */
export interface BindingChange {
  host: string;
  before: string;
  after: string;
}

export interface PlanResult {
  differs: boolean;
  changes: RuleChange[];
  limits: LimitChange[];
  bindings: BindingChange[];
  /** By `plan` and a dry run, not by `apply`. */
  packets: PacketChange[];
  /** Packet classes beyond those in `packets`. */
  packetsMore: number;
  warnings: PolicyWarning[];
  rules: number;
  hosts: number;
  /** Live states that the policy would cut. */
  statesCut: number;
}

/** A generation that judges until its time is over, unless it is confirmed. */
export interface Confirmation {
  /** Seconds left. */
  deadline: number;
  /** Generation that judges after that. */
  fallback: number;
}

export interface ApplyOptions {
  /** The operator's words, for the history. */
  readonly why?: string;
  /** Go back unless it is confirmed within so many seconds. */
  readonly confirmSeconds?: number | null;
  /** Refuse when another generation is installed. */
  readonly ifGeneration?: number | null;
  /** Do everything but install. */
  readonly dryRun?: boolean;
}

export interface ApplyResult extends PlanResult {
  generation: number;
  digest: string;
  /** False when the policy was the installed one already, and for a dry run. */
  installed: boolean;
  /** Null: it stays. */
  confirm: Confirmation | null;
}

/** One generation of the history. */
export interface HistoryEntry {
  generation: number;
  /** ISO 8601. */
  at: string;
  who: Caller;
  why: string;
  digest: string;
  rules: number;
  file: string;
  /** It judges now. */
  current: boolean;
  /** False while it waits for its confirmation, and for good when that never came. */
  confirmed: boolean;
  /** On which node of the pair it was applied first, as which generation there, in which epoch of roles. */
  origin: { epoch: number; generation: number; node: string };
  /** That is the other node. */
  received: boolean;
}

export interface PolicyText extends PolicySource {
  readonly generation: number;
  readonly digest: string;
}

export interface PolicyDifference {
  from: PolicyText;
  to: PolicyText;
  /** Rules, digest or text differ. */
  differs: boolean;
  changes: RuleChange[];
  limits: LimitChange[];
  bindings: BindingChange[];
}

export interface MatrixCell {
  from: string;
  to: string;
  services: string[];
}

export interface MatrixResult {
  generation: number;
  cells: MatrixCell[];
}
