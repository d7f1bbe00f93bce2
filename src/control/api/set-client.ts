/** Streams of members at the client's end. */
import { once } from 'node:events';
import type { NodeClient as GrpcClient } from '../../generated/proto/bridgewall/v1/Node.js';
import type { SetLoadRequest } from '../../generated/proto/bridgewall/v1/SetLoadRequest.js';
import type { SetLoadResponse__Output } from '../../generated/proto/bridgewall/v1/SetLoadResponse.js';
import { formatAddress } from '../policy/address.js';
import type { PackedAddresses, SetLoad, SetLoadResult, SetMember } from '../service.js';

/** Bytes of a member: an address, and the seconds it has left. */
const MEMBER = 20;

const MODES = {
  check: 'SET_LOAD_MODE_CHECK',
  add: 'SET_LOAD_MODE_ADD',
  replace: 'SET_LOAD_MODE_REPLACE',
  remove: 'SET_LOAD_MODE_REMOVE',
} as const;

/** Sends a list as fast as the node takes it, and resolves to its answer. */
export async function sendLoad(
  grpc: GrpcClient,
  { name, mode, ttl, count }: SetLoad,
  pieces: AsyncIterable<PackedAddresses> | Iterable<PackedAddresses>,
): Promise<SetLoadResult> {
  let answered = false;
  let call: ReturnType<GrpcClient['setLoad']> | undefined;
  const answer = new Promise<SetLoadResult>((resolve, reject) => {
    call = grpc.setLoad((error, response) => {
      answered = true;
      if (error !== null) reject(error);
      else resolve(decodeLoaded(response as SetLoadResponse__Output));
    });
  });
  // Rejections are for whoever waits below, at whatever moment.
  answer.catch(() => {});
  const stream = call!;
  const send = async (message: SetLoadRequest) => {
    if (!stream.write(message)) await Promise.race([once(stream, 'drain'), answer]);
  };
  try {
    const header = { name, mode: MODES[mode] };
    await send({
      header: { ...header, ...(ttl === null ? {} : { ttl }), ...(count === null ? {} : { count }) },
    });
    const steps = stepsOf(pieces);
    for (;;) {
      // The node need not have read to the end to know that it refuses.
      const step = await Promise.race([steps.next(), answer]);
      if (answered || !('done' in step) || step.done === true) break;
      const { width, bytes } = step.value;
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      await send(width === 4 ? { v4: view } : { v6: view });
    }
  } catch (error) {
    if (!answered) stream.cancel();
    throw error;
  }
  stream.end();
  return await answer;
}

function stepsOf<T>(list: AsyncIterable<T> | Iterable<T>): Iterator<T> | AsyncIterator<T> {
  return Symbol.asyncIterator in list ? list[Symbol.asyncIterator]() : list[Symbol.iterator]();
}

/** A load's answer out of its message. */
function decodeLoaded(message: SetLoadResponse__Output): SetLoadResult {
  const { received, added, removed, members, refused } = message;
  return {
    ...{ received, added, removed, members },
    refused: refused && { index: refused.index, why: refused.why },
  };
}

/** Members out of their packed form. */
export function decodeMembers(packed: Uint8Array): SetMember[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  const members: SetMember[] = [];
  for (let at = 0; at + MEMBER <= bytes.length; at += MEMBER) {
    const left = bytes.readUInt32BE(at + 16);
    const address = formatAddress(bytes.subarray(at, at + 16));
    members.push({ address, ttl: left === 0 ? null : left });
  }
  return members;
}
