/** The other end of the API, in the node's own shapes: what `bwctl` and the labs speak. */
import type { NodeEvent } from '../events.js';
import type {
  ApplyOptions,
  ApplyResult,
  Caller,
  CountersResult,
  ExplainQuery,
  ExplainResult,
  HaStatus,
  HistoryEntry,
  LogRecord,
  MatrixResult,
  PackedAddresses,
  PlanResult,
  PolicyDifference,
  PolicySource,
  PolicyText,
  PortInfo,
  SessionRecord,
  SetInfo,
  SetLoad,
  SetLoadResult,
  SetMember,
  StateEntry,
  StateFilter,
  StatusResult,
} from '../service.js';
import { type Deadlines, NodeConnection } from './connection.js';
import {
  decodeApply,
  decodeCounters,
  decodeDifference,
  decodeEntry,
  decodeEvent,
  decodeExplain,
  decodeMatrix,
  decodeMember,
  decodePlan,
  decodePort,
  decodeRecord,
  decodeRows,
  decodeSession,
  decodeStatus,
  decodeText,
} from './decode.js';
import { encodeCaller, encodeFilter } from './encode.js';
import { decodeHa } from './ha.js';
import { decodeMembers, sendLoad } from './set-client.js';
import { StateRowReader } from './state-rows.js';
import { SetUpdates } from './update-client.js';

/** Log records that were made together. */
export interface DropBatch {
  /** ISO 8601. */
  ts: string;
  records: LogRecord[];
  /** Records this client has lost since the batch before, because it read too slowly. */
  lost: number;
}

/** Beginnings and ends of sessions that were told together. */
export interface SessionBatch {
  /** ISO 8601. */
  ts: string;
  sessions: SessionRecord[];
  /** Records this client has lost since the batch before, because it read too slowly. */
  lost: number;
}

/** Events that were told together. */
export interface EventBatch {
  /** ISO 8601. */
  ts: string;
  events: NodeEvent[];
  /** Events this client has lost since the batch before, because it read too slowly. */
  lost: number;
}

/**
 * A client of one node. Calls reject with `ServiceError` when the node refuses, with `ApiError` when
 * there is no talking to it. Nothing is connected before the first call.
 */
export class NodeClient implements Disposable {
  readonly #node: NodeConnection;

  /** @param socket path of the node's unix socket */
  constructor(socket: string, deadlines?: Deadlines) {
    this.#node = new NodeConnection(socket, deadlines);
  }

  /** Installs a policy. `by` and `options.why` go into the history. */
  async apply(
    source: PolicySource,
    by: Caller | string,
    { why = '', dryRun = false, confirmSeconds, ifGeneration }: ApplyOptions = {},
  ): Promise<ApplyResult> {
    const request = {
      source,
      who: encodeCaller(callerOf(by)),
      why,
      dryRun,
      ...(confirmSeconds == null ? {} : { confirmSeconds }),
      ...(ifGeneration == null ? {} : { ifGeneration }),
    };
    return decodeApply(await this.#node.call('Apply', request, this.#node.deadlines.work));
  }

  /** Keeps the generation that waits for it; resolves to its number. */
  async confirm(by: Caller | string): Promise<number> {
    const request = { who: encodeCaller(callerOf(by)) };
    const reply = await this.#node.call('Confirm', request, this.#node.deadlines.work);
    return reply.generation;
  }

  /** Installs the policy of an earlier generation again; null: the one before. */
  async rollback(generation: number | null, by: Caller | string, why = ''): Promise<ApplyResult> {
    const request = { generation: generation ?? 0, who: encodeCaller(callerOf(by)), why };
    return decodeApply(await this.#node.call('Rollback', request, this.#node.deadlines.work));
  }

  /** The generations that are kept, the latest first. */
  async history(): Promise<HistoryEntry[]> {
    const reply = await this.#node.call('History', {});
    return reply.entries.map(decodeEntry);
  }

  /** The text of a generation; null: the installed one. */
  async policyText(generation: number | null): Promise<PolicyText> {
    const request = { generation: generation ?? 0 };
    return decodeText(await this.#node.call('Policy', request));
  }

  /** What differs between two generations. */
  async diff(from: number, to: number): Promise<PolicyDifference> {
    const request = { from, to };
    return decodeDifference(await this.#node.call('Diff', request, this.#node.deadlines.work));
  }

  /** What `apply` would change. */
  async plan(source: PolicySource): Promise<PlanResult> {
    return decodePlan(await this.#node.call('Plan', { source }, this.#node.deadlines.work));
  }

  /** The dataplane's verdict on one packet. */
  async explain(query: ExplainQuery): Promise<ExplainResult> {
    return decodeExplain(await this.#node.call('Explain', query));
  }

  /** Status of the node. */
  async status(): Promise<StatusResult> {
    return decodeStatus(await this.#node.call('Status', {}));
  }

  /** Counters; of one port if it is named, of rules if they are asked for. */
  async counters(asked: { rules?: boolean; port?: string } = {}): Promise<CountersResult> {
    const request = { rules: asked.rules ?? false, port: asked.port ?? '' };
    return decodeCounters(await this.#node.call('Counters', request));
  }

  /** The ports of the bridge. */
  async ports(): Promise<PortInfo[]> {
    const reply = await this.#node.call('Ports', {});
    return reply.ports.map(decodePort);
  }

  /** The installed matrix. */
  async matrix(): Promise<MatrixResult> {
    return decodeMatrix(await this.#node.call('Matrix', {}));
  }

  /** The dynamic groups. */
  async sets(): Promise<SetInfo[]> {
    const reply = await this.#node.call('Sets', {});
    return reply.sets.map(({ name, max, members }) => ({ name, max, members }));
  }

  /** Live members of a dynamic group. */
  async setMembers(name: string): Promise<SetMember[]> {
    const reply = await this.#node.call('SetMembers', { name });
    return reply.members.map(decodeMember);
  }

  /** Adds members; resolves to how many are new. `ttlSeconds` null: for good. */
  async setAdd(name: string, addresses: string[], ttlSeconds: number | null): Promise<number> {
    const request =
      ttlSeconds === null ? { name, addresses } : { name, addresses, ttl: ttlSeconds };
    const reply = await this.#node.call('SetAdd', request, this.#node.deadlines.work);
    return reply.added;
  }

  /** Removes members; resolves to how many were there. */
  async setDelete(name: string, addresses: string[]): Promise<number> {
    const request = { name, addresses };
    const reply = await this.#node.call('SetDelete', request, this.#node.deadlines.work);
    return reply.deleted;
  }

  /** This node as one of two. */
  async ha(): Promise<HaStatus> {
    return decodeHa(await this.#node.call('Ha', {}));
  }

  /** Makes this node active. */
  async haTakeover(by: Caller, force = false): Promise<HaStatus> {
    const request = { who: encodeCaller(by), force };
    const reply = await this.#node.call('HaTakeover', request);
    return decodeHa(reply);
  }

  /** Has the other node take over; resolves when it has. */
  async haYield(by: Caller): Promise<HaStatus> {
    const reply = await this.#node.call('HaYield', { who: encodeCaller(by) });
    return decodeHa(reply);
  }

  /** Ends states that match; resolves to how many. A filter without a field needs `all`. */
  async killStates(filter: StateFilter, all: boolean, by: Caller): Promise<number> {
    const request = { filter: encodeFilter(filter), all, who: encodeCaller(by) };
    const reply = await this.#node.call('KillStates', request, this.#node.deadlines.work);
    return reply.killed;
  }

  /**
   * Changes a dynamic group by a list of any length: `pieces` are packed addresses, at most 1 MiB
   * each. Resolves once all of it is done.
   */
  async setLoad(
    load: SetLoad,
    pieces: AsyncIterable<PackedAddresses> | Iterable<PackedAddresses>,
  ): Promise<SetLoadResult> {
    return await this.#node.run((grpc) => sendLoad(grpc, load, pieces));
  }

  /** Opens a stream for changes of sets as they come. */
  async setUpdates(): Promise<SetUpdates> {
    return await this.#node.run(async (grpc) => {
      return new SetUpdates(grpc.setUpdate(), (error) => this.#node.errorOf(error));
    });
  }

  /** Live members of a dynamic group, in batches, however many there are. */
  async *setDump(name: string): AsyncGenerator<SetMember[]> {
    for await (const { members } of this.#node.messages((grpc) => grpc.setDump({ name }))) {
      yield decodeMembers(members);
    }
  }

  /** States that match, in batches; `limit` of them at most. */
  async *states(filter: StateFilter = {}, limit?: number): AsyncGenerator<StateEntry[]> {
    const request = { filter: encodeFilter(filter), ...(limit === undefined ? {} : { limit }) };
    const reader = new StateRowReader();
    for await (const message of this.#node.messages((grpc) => grpc.stateDump(request))) {
      yield reader.read(decodeRows(message));
    }
  }

  /** How many states match. */
  async countStates(filter: StateFilter = {}): Promise<number> {
    const request = { filter: encodeFilter(filter) };
    const reply = await this.#node.call('CountStates', request, this.#node.deadlines.work);
    return reply.count;
  }

  /**
   * Log records as they are made, until `signal` aborts or the daemon stops.
   *
   * @param onReady called once the watch is on: later drops will be seen
   */
  async *watchDrops(signal: AbortSignal, onReady?: () => void): AsyncGenerator<DropBatch> {
    const watch = this.#node.messages((grpc) => grpc.watchDrops({}), signal, onReady);
    for await (const { ts, records, lost } of watch) {
      yield { ts, records: records.map(decodeRecord), lost };
    }
  }

  /** Events as they happen, on the same terms. */
  async *watchEvents(signal: AbortSignal, onReady?: () => void): AsyncGenerator<EventBatch> {
    const watch = this.#node.messages((grpc) => grpc.watchEvents({}), signal, onReady);
    for await (const { ts, events, lost } of watch) {
      yield { ts, events: events.map(decodeEvent), lost };
    }
  }

  /** Beginnings and ends of sessions, on the same terms. */
  async *watchSessions(signal: AbortSignal, onReady?: () => void): AsyncGenerator<SessionBatch> {
    const watch = this.#node.messages((grpc) => grpc.watchSessions({}), signal, onReady);
    for await (const { ts, sessions, lost } of watch) {
      yield { ts, sessions: sessions.map(decodeSession), lost };
    }
  }

  /** Hangs up. Calls under way fail. */
  close(): void {
    this.#node.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function callerOf(by: Caller | string): Caller {
  return typeof by === 'string' ? { user: by, uid: null } : by;
}
