/** A node as one of two, between the node's shapes and messages. */
import type {
  HaResponse,
  HaResponse__Output,
} from '../../generated/proto/bridgewall/v1/HaResponse.js';
import type { HaStatus } from '../service.js';

export function encodeHa({ paths, ...status }: HaStatus): HaResponse {
  return {
    ...status,
    paths: paths.map(({ heardMs, ...path }) => ({ ...path, ...(heardMs !== null && { heardMs }) })),
  };
}

export function decodeHa(response: HaResponse__Output): HaStatus {
  const { peer, probes, announced, paths, ...status } = response;
  return {
    ...status,
    peer: peer ?? {
      name: '',
      state: 'unknown',
      epoch: 0,
      priority: 0,
      ready: false,
      daemon: false,
    },
    paths: paths.map(({ name, up, peerHears, heardMs }) => ({
      ...{ name, up, peerHears },
      heardMs: heardMs ?? null,
    })),
    probes: probes ?? { rounds: 0, failed: 0, refused: 0, naps: 0 },
    announced: announced ?? { addresses: 0, frames: 0, failed: 0, ms: 0 },
  };
}
