/**
 * From messages to the node's shapes. `bwctl -o json` prints what is made here, so this is where the
 * names and the order of its fields come from.
 */
import type { ApplyResponse__Output } from '../../generated/proto/bridgewall/v1/ApplyResponse.js';
import type { BindingChange__Output } from '../../generated/proto/bridgewall/v1/BindingChange.js';
import type { Caller__Output } from '../../generated/proto/bridgewall/v1/Caller.js';
import type { Confirmation__Output } from '../../generated/proto/bridgewall/v1/Confirmation.js';
import type { CountersResponse__Output } from '../../generated/proto/bridgewall/v1/CountersResponse.js';
import type { CounterTotals__Output } from '../../generated/proto/bridgewall/v1/CounterTotals.js';
import type { DiffResponse__Output } from '../../generated/proto/bridgewall/v1/DiffResponse.js';
import type { Event__Output } from '../../generated/proto/bridgewall/v1/Event.js';
import type { ExplainResponse__Output } from '../../generated/proto/bridgewall/v1/ExplainResponse.js';
import type { HistoryEntry__Output } from '../../generated/proto/bridgewall/v1/HistoryEntry.js';
import type { LimitChange__Output } from '../../generated/proto/bridgewall/v1/LimitChange.js';
import type { LogRecord__Output } from '../../generated/proto/bridgewall/v1/LogRecord.js';
import type { MatrixResponse__Output } from '../../generated/proto/bridgewall/v1/MatrixResponse.js';
import type { PacketChange__Output } from '../../generated/proto/bridgewall/v1/PacketChange.js';
import type { PlanResponse__Output } from '../../generated/proto/bridgewall/v1/PlanResponse.js';
import type { PolicyResponse__Output } from '../../generated/proto/bridgewall/v1/PolicyResponse.js';
import type { PortInfo__Output } from '../../generated/proto/bridgewall/v1/PortInfo.js';
import type { PortStatus__Output } from '../../generated/proto/bridgewall/v1/PortStatus.js';
import type { Position__Output } from '../../generated/proto/bridgewall/v1/Position.js';
import type { RuleChange__Output } from '../../generated/proto/bridgewall/v1/RuleChange.js';
import type { RuleRef__Output } from '../../generated/proto/bridgewall/v1/RuleRef.js';
import type { SessionRecord__Output } from '../../generated/proto/bridgewall/v1/SessionRecord.js';
import type { SetMember__Output } from '../../generated/proto/bridgewall/v1/SetMember.js';
import type { Side__Output } from '../../generated/proto/bridgewall/v1/Side.js';
import type { StateDumpResponse__Output } from '../../generated/proto/bridgewall/v1/StateDumpResponse.js';
import type { StatesRequest__Output } from '../../generated/proto/bridgewall/v1/StatesRequest.js';
import type { StatusResponse__Output } from '../../generated/proto/bridgewall/v1/StatusResponse.js';
import type { SyncStatus__Output } from '../../generated/proto/bridgewall/v1/SyncStatus.js';
import type { Verdict__Output } from '../../generated/proto/bridgewall/v1/Verdict.js';
import type { EventValue, NodeEvent } from '../events.js';
import type { Position } from '../policy/plan.js';
import type {
  ApplyResult,
  BindingChange,
  Caller,
  Confirmation,
  CountersResult,
  CounterTotals,
  ExplainResult,
  HistoryEntry,
  LimitChange,
  LogRecord,
  MatrixResult,
  PacketChange,
  PlanResult,
  PolicyDifference,
  PolicyText,
  PortInfo,
  PortStatus,
  RuleChange,
  RuleRef,
  SessionRecord,
  SetMember,
  StateFilter,
  StateRows,
  StatusResult,
  SyncStatus,
} from '../service.js';

const KIND = {
  CHANGE_KIND_UNSPECIFIED: 'changed',
  CHANGE_KIND_ADDED: 'added',
  CHANGE_KIND_REMOVED: 'removed',
  CHANGE_KIND_CHANGED: 'changed',
} as const satisfies Record<string, RuleChange['kind']>;

/** What a rule is named by. */
export function decodeRule(rule: RuleRef__Output): RuleRef {
  const { id, host, direction, service, peers, options, file, line } = rule;
  return { id, host, direction, service, peers, options, file, line };
}

function decodeOptionalRule(rule: RuleRef__Output | null | undefined): RuleRef | null {
  return rule ? decodeRule(rule) : null;
}

function decodePosition(position: Position__Output | null): Position {
  return {
    file: position?.file ?? '',
    line: position?.line ?? 0,
    column: position?.column ?? 0,
  };
}

/** A plan, or the plan part of an apply. */
export function decodePlan(plan: PlanResponse__Output): PlanResult {
  return {
    differs: plan.differs,
    changes: plan.changes.map(decodeChange),
    limits: plan.limits.map(decodeLimit),
    bindings: plan.bindings.map(decodeBinding),
    packets: plan.packets.map(decodePacketChange),
    packetsMore: plan.packetsMore,
    warnings: plan.warnings.map(({ message, position }) => ({
      message,
      position: decodePosition(position),
    })),
    rules: plan.rules,
    hosts: plan.hosts,
    statesCut: plan.statesCut,
  };
}

function decodePacketChange({ kind, direction, ...rest }: PacketChange__Output): PacketChange {
  return {
    ...rest,
    kind: kind === 'PACKET_CHANGE_KIND_CLOSED' ? 'closed' : 'opened',
    direction: direction === 'in' || direction === 'out' ? direction : 'transit',
  };
}

function decodeChange({ kind, before, after }: RuleChange__Output): RuleChange {
  return {
    kind: KIND[kind],
    before: decodeOptionalRule(before),
    after: decodeOptionalRule(after),
  };
}

function decodeLimit({ what, before, after }: LimitChange__Output): LimitChange {
  return { what, before, after };
}

function decodeBinding({ host, before, after }: BindingChange__Output): BindingChange {
  return { host, before, after };
}

/** Who asks; `name` stands for clients that give no more than that. */
export function decodeCaller(caller: Caller__Output | null, name = ''): Caller {
  return { user: caller?.user ?? name, uid: caller?.uid ?? null };
}

function decodeConfirmation(confirm: Confirmation__Output | null): Confirmation | null {
  return confirm === null ? null : { deadline: confirm.deadline, fallback: confirm.fallback };
}

/** A generation of the history. */
export function decodeEntry(entry: HistoryEntry__Output): HistoryEntry {
  const { generation, at, who, why, digest, rules, file, current, confirmed, received } = entry;
  const origin = entry.origin ?? { epoch: 0, generation: 0, node: '' };
  const caller = decodeCaller(who);
  const rest = { why, digest, rules, file, current, confirmed, received };
  return { generation, at, who: caller, ...rest, origin };
}

/** The text of a generation. */
export function decodeText(reply: PolicyResponse__Output | null): PolicyText {
  return {
    generation: reply?.generation ?? 0,
    file: reply?.source?.file ?? '',
    digest: reply?.digest ?? '',
    text: reply?.source?.text ?? '',
  };
}

/** What differs between two generations. */
export function decodeDifference(reply: DiffResponse__Output): PolicyDifference {
  const { from, to, differs, changes, limits, bindings } = reply;
  return {
    limits: limits.map(decodeLimit),
    bindings: bindings.map(decodeBinding),
    from: decodeText(from),
    to: decodeText(to),
    differs,
    changes: changes.map(decodeChange),
  };
}

/** Something that happened. */
export function decodeEvent({ ts, event, fields }: Event__Output): NodeEvent {
  const values = Object.entries(fields).map(([name, { text, number, truth }]) => {
    const value: EventValue = text ?? number ?? truth ?? '';
    return [name, value] as const;
  });
  return { ts, event, ...Object.fromEntries(values) };
}

/** Outcome of an apply. */
export function decodeApply(applied: ApplyResponse__Output): ApplyResult {
  const { generation, digest, installed, plan, confirm } = applied;
  const empty = {
    ...{
      differs: false,
      changes: [],
      limits: [],
      bindings: [],
      packets: [],
      packetsMore: 0,
      warnings: [],
    },
    ...{ rules: 0, hosts: 0, statesCut: 0 },
  };
  return {
    generation,
    digest,
    installed,
    ...(plan === null ? empty : decodePlan(plan)),
    confirm: decodeConfirmation(confirm),
  };
}

function decodeVerdict(verdict: Verdict__Output): 'accept' | 'drop' {
  return verdict === 'VERDICT_ACCEPT' ? 'accept' : 'drop';
}

function decodeSide(side: Side__Output): 'uplink' | 'inside' {
  return side === 'SIDE_INSIDE' ? 'inside' : 'uplink';
}

/** A verdict with its rules. */
export function decodeExplain(explained: ExplainResponse__Output): ExplainResult {
  const { reason, explanation, limit, port, vlan, rules, state } = explained;
  return {
    verdict: decodeVerdict(explained.verdict),
    reason,
    explanation,
    limit,
    port,
    vlan,
    rules: {
      out: decodeOptionalRule(rules?.out),
      in: decodeOptionalRule(rules?.in),
      transit: decodeOptionalRule(rules?.transit),
      deny: decodeOptionalRule(rules?.deny),
    },
    state: state === null ? null : { phase: state.phase },
  };
}

/** Counters of a port or of the node; all zero when the message is missing. */
export function decodeTotals(totals: CounterTotals__Output | null): CounterTotals {
  return {
    rx: totals?.rx ?? 0,
    forwarded: totals?.forwarded ?? 0,
    passed: totals?.passed ?? 0,
    answered: totals?.answered ?? 0,
    txFailed: totals?.txFailed ?? 0,
    dropped: { ...totals?.dropped },
    logSuppressed: totals?.logSuppressed ?? 0,
    logLost: totals?.logLost ?? 0,
    outOfWindowPassed: totals?.outOfWindowPassed ?? 0,
    pickedUp: totals?.pickedUp ?? 0,
    sessionsLost: totals?.sessionsLost ?? 0,
  };
}

function decodePortStatus(status: PortStatus__Output): PortStatus {
  const { port, side, mode, why } = status;
  return { port, side: decodeSide(side), mode, why };
}

function decodeSync({ told, repair, ...sync }: SyncStatus__Output): SyncStatus {
  return {
    ...sync,
    told: told ?? { added: 0, moved: 0, ended: 0, stale: 0, full: 0, bad: 0, bytes: 0 },
    repair,
  };
}

/** Status of the node. */
export function decodeStatus(status: StatusResponse__Output): StatusResult {
  const { node, role, mode, generation, policy, states, sync } = status;
  return {
    node,
    role,
    mode,
    generation,
    policy:
      policy === null ? null : { digest: policy.digest, rules: policy.rules, hosts: policy.hosts },
    attach: status.attach.map(decodePortStatus),
    states: {
      pending: states?.pending ?? 0,
      established: states?.established ?? 0,
      max: states?.max ?? 0,
    },
    counters: decodeTotals(status.counters),
    sync: sync === null ? null : decodeSync(sync),
    confirm: decodeConfirmation(status.confirm),
    alarms: status.alarms.map(({ kind, message, since }) => ({ kind, message, since })),
  };
}

/** Counters; `rules` is empty unless they were asked for. */
export function decodeCounters(counters: CountersResponse__Output): CountersResult {
  const ports = Object.entries(counters.ports).map(
    ([name, totals]) => [name, decodeTotals(totals)] as const,
  );
  const rules = counters.rules.flatMap(({ rule, packets, bytes, connections, idle }) =>
    rule === null
      ? []
      : [{ rule: decodeRule(rule), packets, bytes, connections, idle: idle ?? null }],
  );
  return {
    total: decodeTotals(counters.total),
    ports: Object.fromEntries(ports),
    rules,
    reasons: { ...counters.reasons },
  };
}

/** Packed states. */
export function decodeRows(message: StateDumpResponse__Output): StateRows {
  const { rows, phases } = message;
  return { rows, phases, rules: message.rules.map(({ slot, id }) => ({ slot, id })) };
}

/** The beginning or the end of a session. */
export function decodeSession(message: SessionRecord__Output): SessionRecord {
  const { ts, event, proto, src, sport, dst, dport, vlan, start, seconds, reason } = message;
  const { sent, received, rules } = message;
  return {
    ts,
    event: event === 'session-end' ? event : 'session-start',
    ...{ proto, src, sport, dst, dport, vlan, start, seconds, reason },
    sent: { packets: sent?.packets ?? 0, bytes: sent?.bytes ?? 0 },
    received: { packets: received?.packets ?? 0, bytes: received?.bytes ?? 0 },
    rules: {
      out: decodeOptionalRule(rules?.out ?? null),
      in: decodeOptionalRule(rules?.in ?? null),
      transit: decodeOptionalRule(rules?.transit ?? null),
    },
  };
}

/** A filter of states, with the fields that were set. */
export function decodeFilter(request: StatesRequest__Output | null): StateFilter {
  // Names that begin with _ tell which of the optional fields are there.
  const fields = Object.entries(request ?? {}).filter(
    ([name, value]) => value !== undefined && !name.startsWith('_'),
  );
  return Object.fromEntries(fields) as StateFilter;
}

/** A port. */
export function decodePort(info: PortInfo__Output): PortInfo {
  const { name, side, ifindex, mac, mtu, carrier, stp, mode, why, macs, counters } = info;
  return {
    name,
    side: decodeSide(side),
    ifindex,
    mac,
    mtu,
    carrier,
    stp,
    mode,
    why,
    macs,
    counters: decodeTotals(counters),
  };
}

/** The matrix. */
export function decodeMatrix(matrix: MatrixResponse__Output): MatrixResult {
  const cells = matrix.cells.map(({ from, to, services }) => ({ from, to, services }));
  return { generation: matrix.generation, cells };
}

/** A member of a dynamic group. */
export function decodeMember(member: SetMember__Output): SetMember {
  return { address: member.address, ttl: member.ttl ?? null };
}

/** A logged frame. */
export function decodeRecord(record: LogRecord__Output): LogRecord {
  const { ts, verdict, reason, explanation, proto, src, sport, dst, dport } = record;
  const { icmpType, port, vlan, srcMac, dstMac, length, rule } = record;
  return {
    ts,
    verdict: decodeVerdict(verdict),
    reason,
    explanation,
    proto,
    src,
    sport,
    dst,
    dport,
    icmpType: icmpType ?? null,
    port,
    vlan,
    srcMac,
    dstMac,
    length,
    rule: decodeOptionalRule(rule),
  };
}
