/** How a client talks to a node: its deadlines, and what is said when there is no answer. */
import { resolve as absolute } from 'node:path';
import type { ClientReadableStream } from '@grpc/grpc-js';
import type { NodeClient as GrpcClient } from '../../generated/proto/bridgewall/v1/Node.js';
import {
  decodeResponse,
  encodeRequest,
  type MethodName,
  pathOf,
  type RequestOf,
  type ResponseOf,
} from './client-codec.js';
import { GrpcStatus, isFailedCall } from './grpc-status.js';
import { errorOf, mute } from './reply-error.js';
import { UnaryChannel } from './unary.js';
import { whyUnreachable } from './unreachable.js';

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
 * is no talking to it. Nothing is connected before the first call. What streams goes over a connection of
 * gRPC's library, which is loaded for the first of them.
 */
export class NodeConnection {
  readonly deadlines: Deadlines;
  readonly #socket: string;
  readonly #unary: UnaryChannel;
  #streams: GrpcClient | null = null;
  #closed = false;

  /** @param socket path of the node's unix socket */
  constructor(socket: string, deadlines: Deadlines = DEADLINES) {
    this.#socket = absolute(socket);
    this.deadlines = deadlines;
    this.#unary = new UnaryChannel(this.#socket);
  }

  /** A question and its answer. */
  async call<M extends MethodName>(
    method: M,
    request: RequestOf<M>,
    deadlineMs = this.deadlines.read,
  ): Promise<ResponseOf<M>> {
    try {
      const bytes = encodeRequest(method, request);
      return decodeResponse(method, await this.#unary.call(pathOf(method), bytes, deadlineMs));
    } catch (error) {
      throw await this.errorOf(error);
    }
  }

  /** Work that streams, for as long as it takes. */
  async run<T>(work: (grpc: GrpcClient) => Promise<T>): Promise<T> {
    const grpc = await this.#connected();
    try {
      return await work(grpc);
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
    open: (grpc: GrpcClient) => ClientReadableStream<Message>,
    signal?: AbortSignal,
    onReady?: () => void,
  ): AsyncGenerator<Message> {
    const call = open(await this.#connected());
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
    this.#closed = true;
    this.#unary.close();
    this.#streams?.close();
  }

  /** A stream may last for ever, so it has no deadline of its own; finding a daemon has. */
  async #connected(): Promise<GrpcClient> {
    const nobody = await whyUnreachable(this.#socket);
    if (nobody !== null) throw nobody;
    const { openStreams } = await import('./client-definition.js');
    this.#streams ??= openStreams(this.#socket);
    const grpc = this.#streams;
    if (this.#closed) grpc.close();
    const late = await new Promise<Error | undefined>((resolve) => {
      grpc.waitForReady(Date.now() + this.deadlines.read, resolve);
    });
    if (late !== undefined) throw mute(this.#socket);
    return grpc;
  }

  /** What a broken call means, in the words of the API. */
  async errorOf(error: unknown): Promise<unknown> {
    if (!isFailedCall(error)) return error;
    const unreachable =
      error.code === GrpcStatus.UNAVAILABLE ? await whyUnreachable(this.#socket) : null;
    return unreachable ?? errorOf(error, this.#socket);
  }
}
