/** The stream of changes of sets, at the client's end. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { SetUpdateRequest } from '../../generated/proto/bridgewall/v1/SetUpdateRequest.js';
import type { SetUpdateResponse__Output } from '../../generated/proto/bridgewall/v1/SetUpdateResponse.js';
import type { SetChange } from '../service.js';

type UpdateStream = ClientDuplexStream<SetUpdateRequest, SetUpdateResponse__Output>;

/** Changes that were refused, by their index in what was given together. */
export type Refusals = { index: number; why: string }[];

/** What was given together, and waits for its acknowledgement. */
interface Waiting {
  readonly first: number;
  readonly end: number;
  readonly refused: Refusals;
  resolve(refused: Refusals): void;
  reject(error: unknown): void;
}

/** Sends changes of sets as they come, over one stream. Order is kept. */
export class SetUpdates {
  readonly #stream: UpdateStream;
  readonly #errorOf: (error: unknown) => Promise<unknown>;
  /** Resolves when the stream is over, whoever ended it; rejects with the error that did. */
  readonly ended: Promise<void>;
  readonly #waiting: Waiting[] = [];
  #sent = 0;
  #over: unknown;

  constructor(stream: UpdateStream, errorOf: (error: unknown) => Promise<unknown>) {
    this.#stream = stream;
    this.#errorOf = errorOf;
    this.ended = new Promise((resolve, reject) => {
      stream.on('error', (error) => this.#fail(error).then(reject));
      stream.on('end', () => this.#end(resolve));
    });
    this.ended.catch(() => {});
    stream.on('data', (message) => this.#take(message));
  }

  /**
   * Resolves once the node has carried them out, to those that it refused. Rejects with the error that
   * ended the stream: nobody knows then which of them were.
   */
  change(changes: readonly SetChange[]): Promise<Refusals> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (changes.length === 0) return Promise.resolve([]);
    const first = this.#sent;
    this.#sent += changes.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ first, end: this.#sent, refused: [], resolve, reject });
      this.#stream.write({ changes: changes.map(encodeChange) });
    });
  }

  /** Sends no more; resolves once all is acknowledged. */
  async close(): Promise<void> {
    this.#stream.end();
    await this.ended;
  }

  #take({ done, refused }: SetUpdateResponse__Output): void {
    for (const { index, why } of refused) {
      const of = this.#waiting.find(({ end }) => index < end);
      of?.refused.push({ index: index - of.first, why });
    }
    while (this.#waiting.length > 0 && this.#waiting[0]!.end <= done) {
      const { resolve, refused } = this.#waiting.shift()!;
      resolve(refused);
    }
  }

  async #fail(error: unknown): Promise<unknown> {
    this.#over = error;
    this.#over = await this.#errorOf(error);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over);
    return this.#over;
  }

  #end(resolve: () => void): void {
    if (this.#over !== undefined) return;
    this.#over = new Error('the stream of changes is closed');
    resolve();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over);
  }
}

function encodeChange({ ttl, ...rest }: SetChange) {
  return ttl === null ? rest : { ...rest, ttl };
}
