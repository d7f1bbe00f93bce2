/**
 * From the node's shapes to messages. Where a shape is a message already it goes as it is; what is
 * here are enums and the values that may be missing.
 */
import type { ApplyResponse } from '../../generated/proto/bridgewall/v1/ApplyResponse.js';
import type { Caller as CallerMessage } from '../../generated/proto/bridgewall/v1/Caller.js';
import type { CountersResponse } from '../../generated/proto/bridgewall/v1/CountersResponse.js';
import type { DiffResponse } from '../../generated/proto/bridgewall/v1/DiffResponse.js';
import type { Event as EventMessage } from '../../generated/proto/bridgewall/v1/Event.js';
import type { EventValue as EventValueMessage } from '../../generated/proto/bridgewall/v1/EventValue.js';
import type { ExplainResponse } from '../../generated/proto/bridgewall/v1/ExplainResponse.js';
import type { HistoryEntry as HistoryEntryMessage } from '../../generated/proto/bridgewall/v1/HistoryEntry.js';
import type { LogRecord as LogRecordMessage } from '../../generated/proto/bridgewall/v1/LogRecord.js';
import type { PlanResponse } from '../../generated/proto/bridgewall/v1/PlanResponse.js';
import type { PolicyResponse } from '../../generated/proto/bridgewall/v1/PolicyResponse.js';
import type { PortInfo as PortInfoMessage } from '../../generated/proto/bridgewall/v1/PortInfo.js';
import type { RuleCounters as RuleCountersMessage } from '../../generated/proto/bridgewall/v1/RuleCounters.js';
import type { SessionRecord as SessionMessage } from '../../generated/proto/bridgewall/v1/SessionRecord.js';
import type { SetMember as SetMemberMessage } from '../../generated/proto/bridgewall/v1/SetMember.js';
import type { StateDumpResponse } from '../../generated/proto/bridgewall/v1/StateDumpResponse.js';
import type { StateEntry as StateEntryMessage } from '../../generated/proto/bridgewall/v1/StateEntry.js';
import type { StateRules } from '../../generated/proto/bridgewall/v1/StateRules.js';
import type { StatesRequest } from '../../generated/proto/bridgewall/v1/StatesRequest.js';
import type { StatusResponse } from '../../generated/proto/bridgewall/v1/StatusResponse.js';
import type { EventValue, NodeEvent } from '../events.js';
import type {
  ApplyResult,
  Caller,
  CountersResult,
  ExplainResult,
  HistoryEntry,
  LogRecord,
  PlanResult,
  PolicyDifference,
  PolicyText,
  PortInfo,
  RuleChange,
  RuleCounters,
  SessionRecord,
  SetMember,
  StateEntry,
  StateFilter,
  StateRows,
  StatusResult,
} from '../service.js';

const KIND = {
  added: 'CHANGE_KIND_ADDED',
  removed: 'CHANGE_KIND_REMOVED',
  changed: 'CHANGE_KIND_CHANGED',
} as const;
const PACKET_KIND = {
  opened: 'PACKET_CHANGE_KIND_OPENED',
  closed: 'PACKET_CHANGE_KIND_CLOSED',
} as const;
const SIDE = { uplink: 'SIDE_UPLINK', inside: 'SIDE_INSIDE' } as const;
const VERDICT = { accept: 'VERDICT_ACCEPT', drop: 'VERDICT_DROP' } as const;

/** A plan, or the plan part of an apply. */
export function encodePlan(plan: PlanResult): PlanResponse {
  const { differs, warnings, rules, hosts, statesCut, packetsMore } = plan;
  const changes = plan.changes.map(encodeChange);
  const packets = plan.packets.map((packet) => ({ ...packet, kind: PACKET_KIND[packet.kind] }));
  return {
    differs,
    changes,
    limits: [...plan.limits],
    bindings: [...plan.bindings],
    packets,
    packetsMore,
    warnings: [...warnings],
    rules,
    hosts,
    statesCut,
  };
}

function encodeChange({ kind, before, after }: RuleChange) {
  return { kind: KIND[kind], before, after };
}

/** Who asks. */
export function encodeCaller({ user, uid }: Caller): CallerMessage {
  return uid === null ? { user } : { user, uid };
}

/** Outcome of an apply. */
export function encodeApply(applied: ApplyResult): ApplyResponse {
  const { generation, digest, installed, confirm } = applied;
  return {
    generation,
    digest,
    installed,
    plan: encodePlan(applied),
    confirm,
  };
}

/** A generation of the history. */
export function encodeEntry(entry: HistoryEntry): HistoryEntryMessage {
  return { ...entry, who: encodeCaller(entry.who) };
}

/** The text of a generation. */
export function encodeText({ generation, text, file, digest }: PolicyText): PolicyResponse {
  return { generation, source: { text, file }, digest };
}

/** What differs between two generations. */
export function encodeDifference(difference: PolicyDifference): DiffResponse {
  const { from, to, differs, changes, limits, bindings } = difference;
  return {
    limits: [...limits],
    bindings: [...bindings],
    from: encodeText(from),
    to: encodeText(to),
    differs,
    changes: changes.map(encodeChange),
  };
}

/** Something that happened. */
export function encodeEvent({ ts, event, ...fields }: NodeEvent): EventMessage {
  const values = Object.entries(fields).map(([name, value]) => [name, encodeValue(value)] as const);
  return { ts, event, fields: Object.fromEntries(values) };
}

function encodeValue(value: EventValue): EventValueMessage {
  switch (typeof value) {
    case 'string':
      return { text: value };
    case 'number':
      return { number: value };
    default:
      return { truth: value };
  }
}

/** A verdict with its rules. */
export function encodeExplain(explained: ExplainResult): ExplainResponse {
  return { ...explained, verdict: VERDICT[explained.verdict] };
}

/** Status of the node. */
export function encodeStatus(status: StatusResult): StatusResponse {
  const attach = status.attach.map((port) => ({ ...port, side: SIDE[port.side] }));
  return { ...status, attach };
}

/** Counters as asked for: with `rules`, and of one `port` unless it is ''. */
export function encodeCounters(
  counters: CountersResult,
  asked: { rules: boolean; port: string },
): CountersResponse {
  const ports = Object.entries(counters.ports).filter(
    ([name]) => asked.port === '' || name === asked.port,
  );
  return {
    total: counters.total,
    ports: Object.fromEntries(ports),
    rules: asked.rules ? counters.rules.map(encodeRuleCounters) : [],
    reasons: counters.reasons,
  };
}

function encodeRuleCounters(counters: RuleCounters): RuleCountersMessage {
  const { idle, ...others } = counters;
  return idle === null ? others : { ...others, idle };
}

/** A state. */
export function encodeState(state: StateEntry): StateEntryMessage {
  const rules: StateRules = {};
  if (state.rules.out !== null) rules.out = state.rules.out;
  if (state.rules.in !== null) rules.in = state.rules.in;
  if (state.rules.transit !== null) rules.transit = state.rules.transit;
  return { ...state, rules };
}

/** Packed states. */
export function encodeRows({ rows, rules, phases }: StateRows): StateDumpResponse {
  const view = Buffer.from(rows.buffer, rows.byteOffset, rows.length);
  return { rows: view, rules: [...rules], phases: [...phases] };
}

/** The beginning or the end of a session; rules that are not there are not sent. */
export function encodeSession(record: SessionRecord): SessionMessage {
  return record;
}

/** A filter of states; what it leaves open is not sent. */
export function encodeFilter(filter: StateFilter): StatesRequest {
  return { ...filter };
}

/** A port. */
export function encodePort(port: PortInfo): PortInfoMessage {
  return { ...port, side: SIDE[port.side] };
}

/** A member of a dynamic group. */
export function encodeMember(member: SetMember): SetMemberMessage {
  const { address, ttl } = member;
  return ttl === null ? { address } : { address, ttl };
}

/** A logged frame. */
export function encodeRecord(record: LogRecord): LogRecordMessage {
  const { icmpType, verdict, ...others } = record;
  const message: LogRecordMessage = { ...others, verdict: VERDICT[verdict] };
  if (icmpType !== null) message.icmpType = icmpType;
  return message;
}
