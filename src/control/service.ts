/**
 * What one node can be asked to do: the seam between the gRPC API (`api/`) and the node itself
 * (`daemon/`). Shapes follow the JSON names that `bwctl -o json` prints.
 */
import type { NodeEvent } from './events.js';
import type { PolicyWarning, Position } from './policy/plan.js';

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

/** How well the other node of a pair knows this one, or this one the other. */
export interface SyncStatus {
  peer: string;
  connected: boolean;
  /** Milliseconds from a change on the active node to where it is known on the other. */
  lagMs: number;
  /** The tables were the same when they were compared last. */
  digestsMatch: boolean;
  /** Bytes that wait for the other node. */
  queue: number;
  /** Changes that found no room on their way, since the dataplane was loaded; digests find them. */
  lost: number;
  /** What became of what this node was told, since the daemon started. */
  told: {
    added: number;
    moved: number;
    ended: number;
    stale: number;
    full: number;
    bad: number;
    bytes: number;
  };
  /** As far as is known the other node has the policy of this one. */
  policyMatches: boolean;
  /** If not, what keeps it from that, in words; else ''. */
  policyPending: string;
  /** Members of dynamic groups were the same when they were compared last. */
  setsMatch: boolean;
  /** The last time that something was told again. */
  repair: { added: number; dropped: number; bytes: number; ms: number } | null;
}

/** This node as one of two. */
export interface HaStatus {
  /** init, joining, standby, active, fault. */
  state: string;
  epoch: number;
  /** Of the last change of state, in words. */
  reason: string;
  /** ISO 8601: since when it is so. */
  since: string;
  priority: number;
  /** internal, external. */
  manager: string;
  /** Connections of the other node are all known here. */
  ready: boolean;
  /** The nodes have agreed on a key for probes. */
  paired: boolean;
  /** The other node, by what it said last. */
  peer: {
    name: string;
    /** active, standby, fault, unknown. */
    state: string;
    epoch: number;
    priority: number;
    ready: boolean;
    /** Its daemon runs. */
    daemon: boolean;
  };
  paths: {
    /** uplink, inside, sync. */
    name: string;
    /** A port of that side has carrier. */
    up: boolean;
    /** Milliseconds since the other node was heard there; null: never since the daemon started. */
    heardMs: number | null;
    /** What it said last there: it hears this node on that path. */
    peerHears: boolean;
  }[];
  /** Rounds of probes sent, frames that could not be, datagrams not believed, and times that the prober was asleep. */
  probes: { rounds: number; failed: number; refused: number; naps: number };
  /** After the last takeover: what neighbours were told, and how long that took. */
  announced: { addresses: number; frames: number; failed: number; ms: number };
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

/** Of one end of a connection; an aggregated frame counts as its segments. */
export interface Traffic {
  packets: number;
  bytes: number;
}

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

export interface StateEntry {
  proto: string;
  src: string;
  sport: number;
  dst: string;
  dport: number;
  vlan: number[];
  phase: string;
  /** Its handshake was before the wall. */
  pickedUp: boolean;
  /** Seconds. */
  age: number;
  /** Since its last packet. */
  idle: number;
  timeout: number;
  rules: { out: string | null; in: string | null; transit: string | null };
  /** By the end that opened it, and by the other one; null: nobody counts. */
  sent: Traffic | null;
  received: Traffic | null;
}

/** Fields that are set must match. */
export interface StateFilter {
  proto?: string;
  /** Of either end; or a prefix. */
  address?: string;
  /** Of either end. */
  port?: number;
  /** Either end. */
  host?: string;
  phase?: string;
  vlan?: number;
  /** The end that opened it: an address, a prefix or a screened host. */
  src?: string;
  dst?: string;
  sport?: number;
  dport?: number;
  family?: number;
  /** in, out, transit: it has such a rule. */
  direction?: string;
  /** Id of one of its rules. */
  rule?: string;
  /** Seconds since it was opened, at least. */
  older?: number;
  /** Less than so many seconds ago. */
  younger?: number;
  /** Seconds since its last packet, at least. */
  idle?: number;
  /** Seconds until it expires if nothing more is seen, at most. */
  expires?: number;
}

/** Connections as the kernel lists them. */
export interface StateRows {
  /** One after the other, see StateDumpResponse in node.proto. */
  readonly rows: Uint8Array;
  /** Ids of the rules that occur in them and were not told before; '': no policy names it any more. */
  readonly rules: readonly { slot: number; id: string }[];
  /** Names of phases by their number: with the first rows. */
  readonly phases: readonly string[];
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

export interface MatrixCell {
  from: string;
  to: string;
  services: string[];
}

export interface MatrixResult {
  generation: number;
  cells: MatrixCell[];
}

export interface SetInfo {
  name: string;
  max: number;
  members: number;
}

export interface SetMember {
  address: string;
  /** Seconds left, or null: never expires. */
  ttl: number | null;
}

/** Addresses one after the other: 4 bytes of IPv4 each, or 16 bytes (IPv4 as ::ffff:a.b.c.d). */
export interface PackedAddresses {
  readonly width: 4 | 16;
  readonly bytes: Uint8Array;
}

export interface SetLoad {
  name: string;
  /** `replace`: what the list does not name goes, once all of it is there; `check` changes nothing. */
  mode: 'check' | 'add' | 'replace' | 'remove';
  /** Seconds; null: for good. */
  ttl: number | null;
  /** Addresses that will come; null: nobody knows. Fewer or more are an error. */
  count: number | null;
}

export interface SetLoadResult {
  /** Addresses that came, duplicates included. */
  received: number;
  /** Members that are new. */
  added: number;
  /** Members that are gone. */
  removed: number;
  /** Members of the group afterwards. */
  members: number;
  /** Of `check`: the first address that may not be a member, counted from 0, and why. */
  refused: { index: number; why: string } | null;
}

/** One change of many. */
export interface SetChange {
  readonly name: string;
  readonly address: string;
  readonly remove: boolean;
  /** Seconds; null: for good. */
  readonly ttl: number | null;
  /** Who is a member stays as he is. */
  readonly keep: boolean;
}

export interface SetUpdateResult {
  /** Members that are new. */
  added: number;
  /** Members that are gone. */
  removed: number;
  /** Changes that were not made, by their index. */
  refused: { index: number; why: string }[];
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

/** An error that is the caller's to mend; its message is one clear line. */
export class ServiceError extends Error {
  readonly code: 'invalid' | 'not-found' | 'precondition' | 'internal';
  readonly position: Position | null;

  constructor(code: ServiceError['code'], message: string, position: Position | null = null) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
    this.position = position;
  }
}

export interface NodeService {
  apply(source: PolicySource, by: Caller, options?: ApplyOptions): Promise<ApplyResult>;
  plan(source: PolicySource): Promise<PlanResult>;
  /** Keeps the generation that waits for it; resolves to its number. */
  confirm(by: Caller): Promise<number>;
  /** `generation` null: the last confirmed one before, with another policy than now. */
  rollback(generation: number | null, by: Caller, why?: string): Promise<ApplyResult>;
  /** The latest first. */
  history(): Promise<HistoryEntry[]>;
  /** `generation` null: the installed one. */
  policyText(generation: number | null): Promise<PolicyText>;
  diff(from: number, to: number): Promise<PolicyDifference>;
  explain(query: ExplainQuery): Promise<ExplainResult>;
  status(): Promise<StatusResult>;
  counters(): Promise<CountersResult>;
  /** Matching states, in batches; `limit` of them at most, null: all. */
  states(filter: StateFilter, limit: number | null): AsyncIterable<StateRows>;
  /** How many match. */
  countStates(filter: StateFilter): Promise<number>;
  /** @throws ServiceError `precondition` on a node that is alone */
  ha(): Promise<HaStatus>;
  /** Makes this node active. @param force though connections may be lost */
  haTakeover(by: Caller, force: boolean): Promise<HaStatus>;
  /** Has the other node take over, and resolves when it has. */
  haYield(by: Caller): Promise<HaStatus>;
  /** Ends matching states at once; resolves to how many. A filter that matches everything needs `all`. */
  killStates(filter: StateFilter, all: boolean, by: Caller): Promise<number>;
  ports(): Promise<PortInfo[]>;
  matrix(): Promise<MatrixResult>;
  sets(): Promise<SetInfo[]>;
  setMembers(name: string): Promise<SetMember[]>;
  setAdd(name: string, addresses: string[], ttlSeconds: number | null): Promise<number>;
  setDelete(name: string, addresses: string[]): Promise<number>;
  /** Changes a dynamic group by a list of any length, as it comes in. */
  setLoad(load: SetLoad, addresses: AsyncIterable<PackedAddresses>): Promise<SetLoadResult>;
  /** Carries out changes in order; one that is refused stops no other. */
  setUpdate(changes: readonly SetChange[]): Promise<SetUpdateResult>;
  /** Live members of a dynamic group as they are in the kernel: runs of 20 bytes, see the API. */
  setDump(name: string): AsyncIterable<Uint8Array>;
  /** Calls back for each record until the signal aborts. */
  watchDrops(onRecord: (record: LogRecord) => void, signal: AbortSignal): void;
  /** Calls back for each event until the signal aborts. */
  watchEvents(onEvent: (event: NodeEvent) => void, signal: AbortSignal): void;
  /** Calls back for each beginning and end of a session until the signal aborts. */
  watchSessions(onRecord: (record: SessionRecord) => void, signal: AbortSignal): void;
}
