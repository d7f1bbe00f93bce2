/** Streams of members: a list that comes in, and one that goes out. Neither is held here. */
import { once } from 'node:events';
import type { ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import type { SetDumpRequest__Output } from '../../generated/proto/bridgewall/v1/SetDumpRequest.js';
import type { SetDumpResponse } from '../../generated/proto/bridgewall/v1/SetDumpResponse.js';
import type { SetLoadHeader__Output } from '../../generated/proto/bridgewall/v1/SetLoadHeader.js';
import type { SetLoadRequest__Output } from '../../generated/proto/bridgewall/v1/SetLoadRequest.js';
import type { SetLoadResponse } from '../../generated/proto/bridgewall/v1/SetLoadResponse.js';
import {
  type NodeService,
  type PackedAddresses,
  ServiceError,
  type SetLoad,
  type SetLoadResult,
} from '../service.js';
import { ApiError } from './errors.js';
import { sendAll } from './streams.js';

/** Bytes of addresses that one message may carry. */
const LARGEST_PIECE = 1 << 20;
/** Bytes of members in one message. */
const DUMP_MESSAGE = 20 * 4096;

/** A call of `SetLoad`. */
export type LoadCall = ServerReadableStream<SetLoadRequest__Output, SetLoadResponse>;
/** A call of `SetDump`. */
export type DumpCall = ServerWritableStream<SetDumpRequest__Output, SetDumpResponse>;

const MODES = {
  SET_LOAD_MODE_CHECK: 'check',
  SET_LOAD_MODE_ADD: 'add',
  SET_LOAD_MODE_REPLACE: 'replace',
  SET_LOAD_MODE_REMOVE: 'remove',
} as const satisfies Record<string, SetLoad['mode']>;

/** Takes a list in, as fast as the node changes the group. */
export async function receiveLoad(
  call: LoadCall,
  service: NodeService,
  stopping: AbortSignal,
): Promise<SetLoadResponse> {
  const messages: AsyncIterator<unknown> = call[Symbol.asyncIterator]();
  const first = await messages.next();
  const load = loadOf(first.done === true ? null : (first.value as SetLoadRequest__Output).header);
  return encodeLoaded(await service.setLoad(load, pieces(call, messages, stopping)));
}

/** A load's answer as a message. */
function encodeLoaded({ refused, ...counts }: SetLoadResult): SetLoadResponse {
  return refused === null ? counts : { ...counts, refused };
}

async function* pieces(
  call: LoadCall,
  messages: AsyncIterator<unknown>,
  stopping: AbortSignal,
): AsyncGenerator<PackedAddresses> {
  const over = new AbortController();
  const nothing: IteratorResult<unknown> = { done: true, value: undefined };
  const end = () => nothing;
  const stopped = once(stopping, 'abort', { signal: over.signal }).then(end, end);
  try {
    for (;;) {
      const { done, value } = await Promise.race([messages.next(), stopped]);
      // A client that hangs up ends the stream as one that is through with its list does.
      if (call.cancelled) throw new ServiceError('invalid', 'the client hung up');
      if (stopping.aborted) throw new ApiError('EUNAVAILABLE', 'the daemon is stopping');
      if (done === true) return;
      const { header, v4, v6 } = value as SetLoadRequest__Output;
      if (header !== null) {
        throw new ServiceError('invalid', 'a second header, where addresses belong');
      }
      yield* piece(4, v4);
      yield* piece(16, v6);
    }
  } finally {
    over.abort();
  }
}

function* piece(width: 4 | 16, bytes: Uint8Array): Generator<PackedAddresses> {
  if (bytes.length === 0) return;
  if (bytes.length % width !== 0) {
    const why = `${bytes.length} bytes of addresses that have ${width} bytes each`;
    throw new ServiceError('invalid', why);
  }
  if (bytes.length > LARGEST_PIECE) {
    const why = `${bytes.length} bytes of addresses in one message: ${LARGEST_PIECE} are the most`;
    throw new ServiceError('invalid', why);
  }
  yield { width, bytes };
}

function loadOf(header: SetLoadHeader__Output | null): SetLoad {
  if (header === null) throw new ServiceError('invalid', 'the first message has no header');
  const { name, mode, ttl, count } = header;
  if (!Object.hasOwn(MODES, mode)) throw new ServiceError('invalid', 'the header says no mode');
  return { name, mode: MODES[mode as keyof typeof MODES], ttl: ttl ?? null, count: count ?? null };
}

/** Sends the members of a group, as fast as the client reads. */
export async function streamDump(
  call: DumpCall,
  service: NodeService,
  stopping: AbortSignal,
): Promise<void> {
  await sendAll(call, memberMessages(service.setDump(call.request.name)), stopping);
}

async function* memberMessages(runs: AsyncIterable<Uint8Array>): AsyncGenerator<SetDumpResponse> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const records of runs) {
    // What comes is a view of memory that the next slice may use again.
    waiting.push(Uint8Array.from(records));
    size += records.length;
    if (size < DUMP_MESSAGE) continue;
    yield { members: Buffer.concat(waiting) };
    waiting = [];
    size = 0;
  }
  if (size > 0) yield { members: Buffer.concat(waiting) };
}
