/**
 * What one node can be asked to do: the seam between the gRPC API (`api/`) and the node itself
 * (`daemon/`). Shapes follow the JSON names that `bwctl -o json` prints.
 */
import type { NodeEvent } from './events.js';
import type { ExplainQuery, ExplainResult } from './service/explain.js';
import type { HaStatus } from './service/pair.js';
import type {
  ApplyOptions,
  ApplyResult,
  Caller,
  HistoryEntry,
  MatrixResult,
  PlanResult,
  PolicyDifference,
  PolicySource,
  PolicyText,
} from './service/policy.js';
import type { LogRecord, SessionRecord } from './service/records.js';
import type {
  PackedAddresses,
  SetChange,
  SetInfo,
  SetLoad,
  SetLoadResult,
  SetMember,
  SetUpdateResult,
} from './service/sets.js';
import type { StateFilter, StateRows } from './service/states.js';
import type { CountersResult, PortInfo, StatusResult } from './service/status.js';

export * from './service/error.js';
export type * from './service/explain.js';
export type * from './service/pair.js';
export type * from './service/policy.js';
export type * from './service/records.js';
export type * from './service/sets.js';
export type * from './service/states.js';
export type * from './service/status.js';

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
