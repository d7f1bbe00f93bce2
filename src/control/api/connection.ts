/** How a client talks to a node: its deadlines, and what is said when there is no answer. */
import { resolve as absolute } from 'node:path';
import type {
  ServiceError as CallError,
  CallOptions,
  ClientReadableStream,
  StatusObject,
} from '@grpc/grpc-js';
import { credentials, status } from '@grpc/grpc-js';
import type { NodeClient as GrpcClient } from '../../generated/proto/bridgewall/v1/Node.js';
import { apiDefinition } from './definition.js';
import { errorOf, mute } from './errors.js';
import { whyUnreachable } from './socket.js';

/** How long to wait for an answer, in milliseconds. */
export interface Deadlines {
  /** What only reads. */
  readonly read: number;
  /** What compiles a policy, which may be large, or waits until another such call is done. */
  readonly work: number;
}

const DEADLINES: Deadlines = { read: 10_000, work: 120_000 };

/**
 * Whatever goes over it rejects with `ServiceError` when the node refuses, with `ApiError` when there
 * is no talking to it. Nothing is connected before the first call.
 */
export class NodeConnection {
  readonly grpc: GrpcClient;
  readonly deadlines: Deadlines;
  readonly #socket: string;

  /** @param socket path of the node's unix socket */
  constructor(socket: string, deadlines: Deadlines = DEADLINES) {
    this.#socket = absolute(socket);
    this.deadlines = deadlines;
    const { Node } = apiDefinition().v1;
    this.grpc = new Node(`unix:${this.#socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.enable_retries': 0,
      // Else a client inherits the waiting time of one that found no daemon a moment ago.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
    });
  }

  /** A question and its answer. */
  async call<Response>(
    invoke: (
      options: CallOptions,
      done: (error: CallError | null, response?: Response) => void,
    ) => void,
    deadlineMs = this.deadlines.read,
  ): Promise<Response> {
    try {
      return await new Promise<Response>((resolve, reject) => {
        invoke({ deadline: Date.now() + deadlineMs }, (error, response) => {
          if (error !== null) reject(error);
          else resolve(response as Response);
        });
      });
    } catch (error) {
      throw await this.errorOf(error);
    }
  }

  /** Work that streams, for as long as it takes. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#connected();
    try {
      return await work();
    } catch (error) {
      throw await this.errorOf(error);
    }
  }

  /**
   * Messages of a stream until `signal` aborts or the stream ends.
   *
   * @param onReady called once the node has taken the call
   */
  async *messages<Message>(
    open: () => ClientReadableStream<Message>,
    signal?: AbortSignal,
    onReady?: () => void,
  ): AsyncGenerator<Message> {
    await this.#connected();
    const call = open();
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    if (onReady) call.once('metadata', onReady);
    try {
      yield* call;
    } catch (error) {
      if (!signal?.aborted) throw await this.errorOf(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  /** Hangs up. Calls under way fail. */
  close(): void {
    this.grpc.close();
  }

  /** A stream may last for ever, so it has no deadline of its own; finding a daemon has. */
  async #connected(): Promise<void> {
    const nobody = await whyUnreachable(this.#socket);
    if (nobody !== null) throw nobody;
    const late = await new Promise<Error | undefined>((resolve) => {
      this.grpc.waitForReady(Date.now() + this.deadlines.read, resolve);
    });
    if (late !== undefined) throw mute(this.#socket);
  }

  /** What a broken call means, in the words of the API. */
  async errorOf(error: unknown): Promise<unknown> {
    if (!isStatus(error)) return error;
    const unreachable =
      error.code === status.UNAVAILABLE ? await whyUnreachable(this.#socket) : null;
    return unreachable ?? errorOf(error, this.#socket);
  }
}

function isStatus(error: unknown): error is StatusObject & Error {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    error.code in status
  );
}
