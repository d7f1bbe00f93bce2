/** The other node's tables, by calls. */

import type { ChangesMessage__Output } from '../../generated/proto/bridgewall/v1/ChangesMessage.js';
import type { DigestsResponse__Output } from '../../generated/proto/bridgewall/v1/DigestsResponse.js';
import type { ReplicationClient } from '../../generated/proto/bridgewall/v1/Replication.js';
import { bornBytes, bornFrom } from './born.js';
import type { Told } from './repair.js';
import { FORMAT } from './source.js';

const DEADLINE_MS = 20_000;

export function toldBy(client: ReplicationClient): Told {
  return {
    digests: async (young) => {
      const { until, digests, count, epoch } = await digestsOf(client, young);
      return { until: bornFrom(until), bytes: digests, count, epoch };
    },
    async *buckets({ until, buckets }) {
      const request = { format: FORMAT, buckets: Buffer.from(buckets), until: bornBytes(until) };
      const stream = client.Buckets(request, { deadline: Date.now() + DEADLINE_MS });
      try {
        for await (const message of stream as AsyncIterable<ChangesMessage__Output>) {
          const { epoch, states, children } = message;
          yield { epoch, states, children };
        }
      } finally {
        stream.cancel();
      }
    },
  };
}

function digestsOf(client: ReplicationClient, young: boolean): Promise<DigestsResponse__Output> {
  return new Promise((resolve, reject) => {
    client.Digests(
      { format: FORMAT, young },
      { deadline: Date.now() + DEADLINE_MS },
      (error, response) => {
        if (error !== null) reject(error);
        else if (response !== undefined) resolve(response);
      },
    );
  });
}
