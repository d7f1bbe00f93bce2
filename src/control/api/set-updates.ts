/**
 * The stream of changes of sets, at the node's end. What comes within a moment, or while a batch is carried
 * out, is one batch: a thousand that come together are one call of the kernel.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { SetChange__Output } from '../../generated/proto/bridgewall/v1/SetChange.js';
import type { SetUpdateRequest__Output } from '../../generated/proto/bridgewall/v1/SetUpdateRequest.js';
import type { SetUpdateResponse } from '../../generated/proto/bridgewall/v1/SetUpdateResponse.js';
import { type NodeService, ServiceError, type SetChange } from '../service.js';
import { ApiError } from './errors.js';
import { drained, untilGone, Waiter } from './streams.js';

/** A call of `SetUpdate`. */
export type UpdateCall = ServerDuplexStream<SetUpdateRequest__Output, SetUpdateResponse>;

/** Changes carried out before others have a turn. */
const MOST_AT_ONCE = 2048;
/** So long the first one waits for others: messages that were sent together come one after the other. */
const GATHER_MS = 2;
/** Changes that one message may bring. */
const MOST_IN_ONE_MESSAGE = 65_536;
/** With so many waiting, the client has to. */
const MOST_WAITING = 8192;

/**
 * Takes changes until the client is through.
 * @throws ServiceError `invalid`, ApiError `EUNAVAILABLE` when `stopping` aborts
 */
export async function receiveUpdates(
  call: UpdateCall,
  service: NodeService,
  stopping: AbortSignal,
): Promise<void> {
  const gone = untilGone(call);
  const done = AbortSignal.any([gone, stopping]);
  const inbox = new Inbox(call, new Waiter(done));
  for (let dealt = 0; ; ) {
    const changes = inbox.take(MOST_AT_ONCE);
    if (gone.aborted) return;
    if (changes.length === 0) {
      if (stopping.aborted) throw new ApiError('EUNAVAILABLE', 'the daemon is stopping');
      if (inbox.ended) break;
      await inbox.filled();
      await pause(GATHER_MS);
      continue;
    }
    const { refused, ...counts } = await service.setUpdate(changes);
    const answer = {
      done: dealt + changes.length,
      ...counts,
      refused: refused.map(({ index, why }) => ({ index: dealt + index, why })),
    };
    dealt = answer.done;
    if (!call.write(answer)) await drained(call, done);
  }
  call.end();
}

/** Changes that came and were not carried out yet. */
class Inbox {
  readonly #call: UpdateCall;
  readonly #waiter: Waiter;
  #changes: SetChange[] = [];
  #ended = false;
  #error: ServiceError | null = null;

  constructor(call: UpdateCall, waiter: Waiter) {
    this.#call = call;
    this.#waiter = waiter;
    call.on('data', (message: SetUpdateRequest__Output) => this.#put(message));
    call.on('end', () => {
      this.#ended = true;
      waiter.wake();
    });
  }

  /** The client is through. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @throws ServiceError once all that came before the mistake was taken */
  take(most: number): SetChange[] {
    const taken = this.#changes.splice(0, most);
    if (taken.length === 0 && this.#error !== null) throw this.#error;
    if (this.#changes.length < MOST_WAITING && this.#call.isPaused()) this.#call.resume();
    return taken;
  }

  async filled(): Promise<void> {
    await this.#waiter.wait();
  }

  #put({ changes }: SetUpdateRequest__Output): void {
    if (changes.length > MOST_IN_ONE_MESSAGE && this.#error === null) {
      const why = `${changes.length} changes in one message: ${MOST_IN_ONE_MESSAGE} are the most`;
      this.#error = new ServiceError('invalid', why);
    }
    if (this.#error === null)
      for (const change of changes) this.#changes.push(decodeChange(change));
    if (this.#changes.length >= MOST_WAITING) this.#call.pause();
    this.#waiter.wake();
  }
}

function decodeChange({ name, address, remove, ttl, keep }: SetChange__Output): SetChange {
  return { name, address, remove, ttl: ttl ?? null, keep };
}
