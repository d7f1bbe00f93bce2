/** Server streams: what a reader that is slower than the node costs, and whom. */
import { once } from 'node:events';
import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import type { Event as EventMessage } from '../../generated/proto/bridgewall/v1/Event.js';
import type { LogRecord as LogRecordMessage } from '../../generated/proto/bridgewall/v1/LogRecord.js';
import type { SessionRecord as SessionMessage } from '../../generated/proto/bridgewall/v1/SessionRecord.js';
import type { WatchDropsRequest__Output } from '../../generated/proto/bridgewall/v1/WatchDropsRequest.js';
import type { WatchDropsResponse } from '../../generated/proto/bridgewall/v1/WatchDropsResponse.js';
import type { WatchEventsRequest__Output } from '../../generated/proto/bridgewall/v1/WatchEventsRequest.js';
import type { WatchEventsResponse } from '../../generated/proto/bridgewall/v1/WatchEventsResponse.js';
import type { WatchSessionsRequest__Output } from '../../generated/proto/bridgewall/v1/WatchSessionsRequest.js';
import type { WatchSessionsResponse } from '../../generated/proto/bridgewall/v1/WatchSessionsResponse.js';
import type { NodeService } from '../service.js';
import { encodeEvent, encodeRecord, encodeSession } from './encode.js';
import { ApiError } from './errors.js';
import { statusOf } from './status-of.js';

const RECORDS_PER_MESSAGE = 256;

/** A call of `WatchDrops`. */
export type WatchCall = ServerWritableStream<WatchDropsRequest__Output, WatchDropsResponse>;
/** A call of `WatchEvents`. */
export type EventsCall = ServerWritableStream<WatchEventsRequest__Output, WatchEventsResponse>;
/** A call of `WatchSessions`. */
export type SessionsCall = ServerWritableStream<
  WatchSessionsRequest__Output,
  WatchSessionsResponse
>;

/** Items that wait for a slow reader. What does not fit is counted, and its count handed out in turn. */
export class BoundedQueue<T> {
  readonly #limit: number;
  #items: T[] = [];
  #lost = 0;

  /** @param limit most items that ever wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether there is anything to tell, be it a loss. */
  get empty(): boolean {
    return this.#items.length === 0 && this.#lost === 0;
  }

  /** Queues an item, or counts it as lost. */
  push(item: T): void {
    if (this.#items.length < this.#limit) this.#items.push(item);
    else this.#lost += 1;
  }

  /** The oldest items, `most` of them at most, and how many were lost since the last call. */
  take(most: number): { items: T[]; lost: number } {
    const items = this.#items.splice(0, most);
    const lost = this.#lost;
    this.#lost = 0;
    return { items, lost };
  }
}

/** Sends log records until the client goes or `stopping` aborts. */
export async function streamDrops(
  call: WatchCall,
  service: NodeService,
  limit: number,
  stopping: AbortSignal,
): Promise<void> {
  await streamWatch<LogRecordMessage, WatchDropsResponse>(call, limit, stopping, {
    watch: (push, done) =>
      service.watchDrops((record) => {
        push(encodeRecord(record));
      }, done),
    message: (records, lost, ts) => ({ records, lost, ts }),
  });
}

/** Sends events until the client goes or `stopping` aborts. */
export async function streamEvents(
  call: EventsCall,
  service: NodeService,
  limit: number,
  stopping: AbortSignal,
): Promise<void> {
  await streamWatch<EventMessage, WatchEventsResponse>(call, limit, stopping, {
    watch: (push, done) =>
      service.watchEvents((event) => {
        push(encodeEvent(event));
      }, done),
    message: (events, lost, ts) => ({ events, lost, ts }),
  });
}

/** Sends beginnings and ends of sessions until the client goes or `stopping` aborts. */
export async function streamSessions(
  call: SessionsCall,
  service: NodeService,
  limit: number,
  stopping: AbortSignal,
): Promise<void> {
  await streamWatch<SessionMessage, WatchSessionsResponse>(call, limit, stopping, {
    watch: (push, done) => service.watchSessions((record) => push(encodeSession(record)), done),
    message: (sessions, lost, ts) => ({ sessions, lost, ts }),
  });
}

/** Where the items of a watch come from, and the messages they go out in. */
interface WatchShape<Item, Message> {
  watch(push: (item: Item) => void, done: AbortSignal): void;
  message(items: Item[], lost: number, ts: string): Message;
}

/**
 * Whoever pushes never waits: at most `limit` items do, the others are counted and told.
 */
async function streamWatch<Item, Message>(
  call: ServerWritableStream<unknown, Message>,
  limit: number,
  stopping: AbortSignal,
  shape: WatchShape<Item, Message>,
): Promise<void> {
  const gone = untilGone(call);
  const done = AbortSignal.any([gone, stopping]);
  const queue = new BoundedQueue<Item>(limit);
  const waiter = new Waiter(done);
  const next = (): Message => {
    const { items, lost } = queue.take(RECORDS_PER_MESSAGE);
    return shape.message(items, lost, new Date().toISOString());
  };
  shape.watch((item) => {
    queue.push(item);
    waiter.wake();
  }, done);
  call.sendMetadata(new Metadata());
  while (!done.aborted) {
    if (queue.empty) await waiter.wait();
    else if (!call.write(next())) await drained(call, done);
  }
  if (gone.aborted) return;
  while (!queue.empty) call.write(next());
  call.end();
}

/**
 * Sends messages as fast as the client reads, and ends the call with the last of them.
 * @throws ApiError `EUNAVAILABLE` when `stopping` aborts before
 */
export async function sendAll<Message>(
  call: ServerWritableStream<unknown, Message>,
  messages: AsyncIterable<Message>,
  stopping: AbortSignal,
): Promise<void> {
  const gone = untilGone(call);
  const done = AbortSignal.any([gone, stopping]);
  for await (const message of messages) {
    if (done.aborted) break;
    if (!call.write(message)) await drained(call, done);
  }
  if (gone.aborted) return;
  if (stopping.aborted) throw new ApiError('EUNAVAILABLE', 'the daemon is stopping');
  call.end();
}

/** What all these calls have in common. */
type AnyCall = { readonly cancelled: boolean } & NodeJS.EventEmitter;

/** Ends a stream with the status that tells about `error`. */
export function failStream(call: AnyCall, error: unknown): void {
  if (!call.cancelled) call.emit('error', statusOf(error));
}

/** Aborts when the client has cancelled or its connection is gone. */
export function untilGone(call: AnyCall): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (call.cancelled) abort();
  call.on('cancelled', abort);
  call.on('error', abort);
  return controller.signal;
}

/** Resolves once the call takes more, or `done` aborts. */
export async function drained(call: AnyCall, done: AbortSignal): Promise<void> {
  try {
    await once(call, 'drain', { signal: done });
  } catch (error) {
    if (!done.aborted) throw error;
  }
}

/** One who sleeps until woken; a wake that finds nobody asleep is kept. */
export class Waiter {
  readonly #done: AbortSignal;
  #woken = false;
  #resolve: (() => void) | undefined;

  constructor(done: AbortSignal) {
    this.#done = done;
    done.addEventListener('abort', () => this.wake(), { once: true });
  }

  wake(): void {
    this.#woken = true;
    this.#resolve?.();
  }

  async wait(): Promise<void> {
    if (!this.#woken && !this.#done.aborted) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
      this.#resolve = undefined;
    }
    this.#woken = false;
  }
}
