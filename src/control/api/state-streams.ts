/** Streams of states: packed as they come from the kernel, or in words and then not too many. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { StateDumpRequest__Output } from '../../generated/proto/bridgewall/v1/StateDumpRequest.js';
import type { StateDumpResponse } from '../../generated/proto/bridgewall/v1/StateDumpResponse.js';
import type { StatesRequest__Output } from '../../generated/proto/bridgewall/v1/StatesRequest.js';
import type { StatesResponse } from '../../generated/proto/bridgewall/v1/StatesResponse.js';
import { type NodeService, ServiceError, type StateRows } from '../service.js';
import { decodeFilter } from './decode.js';
import { encodeRows, encodeState } from './encode.js';
import { StateRowReader } from './state-rows.js';
import { sendAll } from './streams.js';

/** States that are put into words at most: each costs the node's event loop some microseconds. */
const MOST_IN_WORDS = 65_536;

/** A call of `States`. */
export type StatesCall = ServerWritableStream<StatesRequest__Output, StatesResponse>;
/** A call of `StateDump`. */
export type StateDumpCall = ServerWritableStream<StateDumpRequest__Output, StateDumpResponse>;

/** Sends the states that match, as fast as the client reads. */
export async function streamStateDump(
  call: StateDumpCall,
  service: NodeService,
  stopping: AbortSignal,
): Promise<void> {
  const { filter, limit } = call.request;
  await sendAll(call, packed(service.states(decodeFilter(filter), limit ?? null)), stopping);
}

async function* packed(batches: AsyncIterable<StateRows>): AsyncGenerator<StateDumpResponse> {
  for await (const batch of batches) yield encodeRows(batch);
}

/** The same in words. */
export async function streamStates(
  call: StatesCall,
  service: NodeService,
  stopping: AbortSignal,
): Promise<void> {
  const batches = service.states(decodeFilter(call.request), MOST_IN_WORDS + 1);
  await sendAll(call, inWords(batches), stopping);
}

async function* inWords(batches: AsyncIterable<StateRows>): AsyncGenerator<StatesResponse> {
  const reader = new StateRowReader();
  let left = MOST_IN_WORDS;
  for await (const batch of batches) {
    const states = reader.read(batch);
    yield { states: states.slice(0, left).map(encodeState) };
    left -= states.length;
    if (left < 0) {
      const why = `more than ${MOST_IN_WORDS} connections: StateDump lists them`;
      throw new ServiceError('precondition', why);
    }
  }
}
