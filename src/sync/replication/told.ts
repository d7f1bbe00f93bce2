/** The other node's tables, by calls. */

import type { ChangesMessage__Output } from '../../generated/proto/bridgewall/v1/ChangesMessage.js';
import type { DigestsResponse__Output } from '../../generated/proto/bridgewall/v1/DigestsResponse.js';
import type { ReplicationClient } from '../../generated/proto/bridgewall/v1/Replication.js';
import { bornBytes, bornFrom } from './born.js';
import type { Told } from './repair.js';
import { FORMAT } from './source.js';

/** To walk through a table of many millions on a busy machine. A peer that is gone is noticed long before. */
const DEADLINE_MS = 60_000;
/** Between two messages; how many there are is not known. */
const NEXT_MS = DEADLINE_MS;

/**
 * @param taken see {@link Told.taken}
 * @param ends calls end with it
 */
export function toldBy(client: ReplicationClient, taken: Told['taken'], ends: AbortSignal): Told {
  return {
    digests: async (young) => {
      const { until, digests, count, epoch, toldMs } = await digestsOf(client, young, ends);
      return { until: bornFrom(until), bytes: digests, count, epoch, toldMs };
    },
    taken,
    async *buckets({ until, buckets }) {
      const request = { format: FORMAT, buckets: Buffer.from(buckets), until: bornBytes(until) };
      ends.throwIfAborted();
      const stream = client.Buckets(request);
      const cancel = () => stream.cancel();
      ends.addEventListener('abort', cancel);
      const silence = setTimeout(() => stream.destroy(new Error('no more is told')), NEXT_MS);
      try {
        for await (const message of stream as AsyncIterable<ChangesMessage__Output>) {
          silence.refresh();
          const { epoch, states, children } = message;
          yield { epoch, states, children };
        }
      } finally {
        clearTimeout(silence);
        ends.removeEventListener('abort', cancel);
        stream.cancel();
      }
    },
  };
}

function digestsOf(
  client: ReplicationClient,
  young: boolean,
  ends: AbortSignal,
): Promise<DigestsResponse__Output> {
  return new Promise((resolve, reject) => {
    ends.throwIfAborted();
    const call = client.Digests(
      { format: FORMAT, young },
      { deadline: Date.now() + DEADLINE_MS },
      (error, response) => {
        ends.removeEventListener('abort', cancel);
        if (error !== null) reject(error);
        else if (response !== undefined) resolve(response);
      },
    );
    const cancel = () => call.cancel();
    ends.addEventListener('abort', cancel);
  });
}
