/** The other end of the API, in the node's own shapes: what `bwctl` and the labs speak. */
import { resolve as absolute } from 'node:path';
import type {
  ServiceError as CallError,
  CallOptions,
  ClientReadableStream,
  StatusObject,
} from '@grpc/grpc-js';
import { credentials, status } from '@grpc/grpc-js';
import type { ConfirmResponse__Output } from '../../generated/proto/bridgewall/v1/ConfirmResponse.js';
import type { HistoryResponse__Output } from '../../generated/proto/bridgewall/v1/HistoryResponse.js';
import type { KillStatesResponse__Output } from '../../generated/proto/bridgewall/v1/KillStatesResponse.js';
import type { NodeClient as GrpcClient } from '../../generated/proto/bridgewall/v1/Node.js';
import type { PortsResponse__Output } from '../../generated/proto/bridgewall/v1/PortsResponse.js';
import type { SetAddResponse__Output } from '../../generated/proto/bridgewall/v1/SetAddResponse.js';
import type { SetDeleteResponse__Output } from '../../generated/proto/bridgewall/v1/SetDeleteResponse.js';
import type { SetDumpResponse__Output } from '../../generated/proto/bridgewall/v1/SetDumpResponse.js';
import type { SetMembersResponse__Output } from '../../generated/proto/bridgewall/v1/SetMembersResponse.js';
import type { SetsResponse__Output } from '../../generated/proto/bridgewall/v1/SetsResponse.js';
import type { StatesResponse__Output } from '../../generated/proto/bridgewall/v1/StatesResponse.js';
import type { WatchDropsResponse__Output } from '../../generated/proto/bridgewall/v1/WatchDropsResponse.js';
import type { WatchEventsResponse__Output } from '../../generated/proto/bridgewall/v1/WatchEventsResponse.js';
import type { NodeEvent } from '../events.js';
import type {
  ApplyOptions,
  ApplyResult,
  Caller,
  CountersResult,
  ExplainQuery,
  ExplainResult,
  HistoryEntry,
  LogRecord,
  MatrixResult,
  PackedAddresses,
  PlanResult,
  PolicyDifference,
  PolicySource,
  PolicyText,
  PortInfo,
  SetInfo,
  SetLoad,
  SetLoadResult,
  SetMember,
  StateEntry,
  StateFilter,
  StatusResult,
} from '../service.js';
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
  decodeState,
  decodeStatus,
  decodeText,
} from './decode.js';
import { apiDefinition } from './definition.js';
import { encodeCaller, encodeFilter } from './encode.js';
import { errorOf, mute } from './errors.js';
import { decodeMembers, sendLoad } from './set-client.js';
import { whyUnreachable } from './socket.js';

/** How long to wait for an answer, in milliseconds. */
export interface Deadlines {
  /** What only reads. */
  readonly read: number;
  /** What compiles a policy, which may be large, or waits until another such call is done. */
  readonly work: number;
}

const DEADLINES: Deadlines = { read: 10_000, work: 120_000 };

/** Log records that were made together. */
export interface DropBatch {
  /** ISO 8601. */
  ts: string;
  records: LogRecord[];
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
  readonly #grpc: GrpcClient;
  readonly #socket: string;
  readonly #deadlines: Deadlines;

  /** @param socket path of the node's unix socket */
  constructor(socket: string, deadlines: Deadlines = DEADLINES) {
    this.#socket = absolute(socket);
    this.#deadlines = deadlines;
    const { Node } = apiDefinition().v1;
    this.#grpc = new Node(`unix:${this.#socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.enable_retries': 0,
      // Else a client inherits the waiting time of one that found no daemon a moment ago.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
    });
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
    return decodeApply(
      await this.#call((o, done) => this.#grpc.apply(request, o, done), this.#deadlines.work),
    );
  }

  /** Keeps the generation that waits for it; resolves to its number. */
  async confirm(by: Caller | string): Promise<number> {
    const request = { who: encodeCaller(callerOf(by)) };
    const reply = await this.#call<ConfirmResponse__Output>(
      (o, done) => this.#grpc.confirm(request, o, done),
      this.#deadlines.work,
    );
    return reply.generation;
  }

  /** Installs the policy of an earlier generation again; null: the one before. */
  async rollback(generation: number | null, by: Caller | string, why = ''): Promise<ApplyResult> {
    const request = { generation: generation ?? 0, who: encodeCaller(callerOf(by)), why };
    return decodeApply(
      await this.#call((o, done) => this.#grpc.rollback(request, o, done), this.#deadlines.work),
    );
  }

  /** The generations that are kept, the latest first. */
  async history(): Promise<HistoryEntry[]> {
    const reply = await this.#call<HistoryResponse__Output>((o, done) =>
      this.#grpc.history({}, o, done),
    );
    return reply.entries.map(decodeEntry);
  }

  /** The text of a generation; null: the installed one. */
  async policyText(generation: number | null): Promise<PolicyText> {
    const request = { generation: generation ?? 0 };
    return decodeText(await this.#call((o, done) => this.#grpc.policy(request, o, done)));
  }

  /** What differs between two generations. */
  async diff(from: number, to: number): Promise<PolicyDifference> {
    const request = { from, to };
    return decodeDifference(
      await this.#call((o, done) => this.#grpc.diff(request, o, done), this.#deadlines.work),
    );
  }

  /** What `apply` would change. */
  async plan(source: PolicySource): Promise<PlanResult> {
    return decodePlan(
      await this.#call((o, done) => this.#grpc.plan({ source }, o, done), this.#deadlines.work),
    );
  }

  /** The dataplane's verdict on one packet. */
  async explain(query: ExplainQuery): Promise<ExplainResult> {
    return decodeExplain(await this.#call((o, done) => this.#grpc.explain(query, o, done)));
  }

  /** Status of the node. */
  async status(): Promise<StatusResult> {
    return decodeStatus(await this.#call((o, done) => this.#grpc.status({}, o, done)));
  }

  /** Counters; of one port if it is named, of rules if they are asked for. */
  async counters(asked: { rules?: boolean; port?: string } = {}): Promise<CountersResult> {
    const request = { rules: asked.rules ?? false, port: asked.port ?? '' };
    return decodeCounters(await this.#call((o, done) => this.#grpc.counters(request, o, done)));
  }

  /** The ports of the bridge. */
  async ports(): Promise<PortInfo[]> {
    const reply = await this.#call<PortsResponse__Output>((o, done) =>
      this.#grpc.ports({}, o, done),
    );
    return reply.ports.map(decodePort);
  }

  /** The installed matrix. */
  async matrix(): Promise<MatrixResult> {
    return decodeMatrix(await this.#call((o, done) => this.#grpc.matrix({}, o, done)));
  }

  /** The dynamic groups. */
  async sets(): Promise<SetInfo[]> {
    const reply = await this.#call<SetsResponse__Output>((o, done) => this.#grpc.sets({}, o, done));
    return reply.sets.map(({ name, max, members }) => ({ name, max, members }));
  }

  /** Live members of a dynamic group. */
  async setMembers(name: string): Promise<SetMember[]> {
    const reply = await this.#call<SetMembersResponse__Output>((o, done) =>
      this.#grpc.setMembers({ name }, o, done),
    );
    return reply.members.map(decodeMember);
  }

  /** Adds members; resolves to how many are new. `ttlSeconds` null: for good. */
  async setAdd(name: string, addresses: string[], ttlSeconds: number | null): Promise<number> {
    const request =
      ttlSeconds === null ? { name, addresses } : { name, addresses, ttl: ttlSeconds };
    const reply = await this.#call<SetAddResponse__Output>(
      (o, done) => this.#grpc.setAdd(request, o, done),
      this.#deadlines.work,
    );
    return reply.added;
  }

  /** Removes members; resolves to how many were there. */
  async setDelete(name: string, addresses: string[]): Promise<number> {
    const request = { name, addresses };
    const reply = await this.#call<SetDeleteResponse__Output>(
      (o, done) => this.#grpc.setDelete(request, o, done),
      this.#deadlines.work,
    );
    return reply.deleted;
  }

  /** Ends states that match; resolves to how many. A filter without a field needs `all`. */
  async killStates(filter: StateFilter, all: boolean, by: Caller): Promise<number> {
    const request = { filter: encodeFilter(filter), all, who: encodeCaller(by) };
    const reply = await this.#call<KillStatesResponse__Output>(
      (o, done) => this.#grpc.killStates(request, o, done),
      this.#deadlines.work,
    );
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
    await this.#connected();
    try {
      return await sendLoad(this.#grpc, load, pieces);
    } catch (error) {
      throw await this.#errorOf(error);
    }
  }

  /** Live members of a dynamic group, in batches, however many there are. */
  async *setDump(name: string): AsyncGenerator<SetMember[]> {
    await this.#connected();
    const call = this.#grpc.setDump({ name });
    try {
      for await (const message of call) {
        yield decodeMembers((message as SetDumpResponse__Output).members);
      }
    } catch (error) {
      throw await this.#errorOf(error);
    } finally {
      call.cancel();
    }
  }

  /** States that match, in batches. */
  async *states(filter: StateFilter = {}): AsyncGenerator<StateEntry[]> {
    await this.#connected();
    const call = this.#grpc.states(encodeFilter(filter));
    try {
      for await (const message of call) {
        yield (message as StatesResponse__Output).states.map(decodeState);
      }
    } catch (error) {
      throw await this.#errorOf(error);
    } finally {
      call.cancel();
    }
  }

  /**
   * Log records as they are made, until `signal` aborts or the daemon stops.
   *
   * @param onReady called once the watch is on: later drops will be seen
   */
  async *watchDrops(signal: AbortSignal, onReady?: () => void): AsyncGenerator<DropBatch> {
    await this.#connected();
    const call = this.#grpc.watchDrops({});
    for await (const message of this.#follow(call, signal, onReady)) {
      const { ts, records, lost } = message as WatchDropsResponse__Output;
      yield { ts, records: records.map(decodeRecord), lost };
    }
  }

  /** Events as they happen, on the same terms. */
  async *watchEvents(signal: AbortSignal, onReady?: () => void): AsyncGenerator<EventBatch> {
    await this.#connected();
    const call = this.#grpc.watchEvents({});
    for await (const message of this.#follow(call, signal, onReady)) {
      const { ts, events, lost } = message as WatchEventsResponse__Output;
      yield { ts, events: events.map(decodeEvent), lost };
    }
  }

  /** Messages of a stream until `signal` aborts or the stream ends. */
  async *#follow(
    call: ClientReadableStream<unknown>,
    signal: AbortSignal,
    onReady: (() => void) | undefined,
  ): AsyncGenerator<unknown> {
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    if (onReady) call.once('metadata', onReady);
    try {
      yield* call;
    } catch (error) {
      if (!signal.aborted) throw await this.#errorOf(error);
    } finally {
      signal.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  /** Hangs up. Calls under way fail. */
  close(): void {
    this.#grpc.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A stream may last for ever, so it has no deadline of its own; finding a daemon has. */
  async #connected(): Promise<void> {
    const nobody = await whyUnreachable(this.#socket);
    if (nobody !== null) throw nobody;
    const late = await new Promise<Error | undefined>((resolve) => {
      this.#grpc.waitForReady(Date.now() + this.#deadlines.read, resolve);
    });
    if (late !== undefined) throw mute(this.#socket);
  }

  async #call<Response>(
    invoke: (
      options: CallOptions,
      done: (error: CallError | null, response?: Response) => void,
    ) => void,
    deadlineMs = this.#deadlines.read,
  ): Promise<Response> {
    try {
      return await new Promise<Response>((resolve, reject) => {
        invoke({ deadline: Date.now() + deadlineMs }, (error, response) => {
          if (error !== null) reject(error);
          else resolve(response as Response);
        });
      });
    } catch (error) {
      throw await this.#errorOf(error);
    }
  }

  async #errorOf(error: unknown): Promise<unknown> {
    if (!isStatus(error)) return error;
    const unreachable =
      error.code === status.UNAVAILABLE ? await whyUnreachable(this.#socket) : null;
    return unreachable ?? errorOf(error, this.#socket);
  }
}

function callerOf(by: Caller | string): Caller {
  return typeof by === 'string' ? { user: by, uid: null } : by;
}

function isStatus(error: unknown): error is StatusObject & Error {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    error.code in status
  );
}
