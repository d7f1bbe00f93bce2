/** The service's methods on top of a `NodeService`: decode, ask, encode. */
import type { handleUnaryCall } from '@grpc/grpc-js';
import type { NodeHandlers } from '../../generated/proto/bridgewall/v1/Node.js';
import type { PolicySource__Output } from '../../generated/proto/bridgewall/v1/PolicySource.js';
import type { NodeService, PolicySource } from '../service.js';
import { ServiceError } from '../service.js';
import {
  encodeApply,
  encodeCounters,
  encodeExplain,
  encodeMember,
  encodePlan,
  encodePort,
  encodeStatus,
} from './encode.js';
import { statusOf } from './errors.js';
import { failStream, streamDrops, streamStates } from './streams.js';

/** What the handlers need besides the node. */
export interface HandlerOptions {
  /** Log records that may wait for one slow watcher. */
  watchQueue: number;
  /** Told about errors that are not the caller's to mend. */
  onError: (method: string, error: unknown) => void;
  /** Aborts when the server stops: streams end. */
  stopping: AbortSignal;
}

/** Implements the gRPC service. */
export function nodeHandlers(service: NodeService, options: HandlerOptions): NodeHandlers {
  const report = (method: string, error: unknown): void => {
    if (error instanceof ServiceError && error.code !== 'internal') return;
    if (!options.stopping.aborted) options.onError(method, error);
  };

  function unary<Request, Response>(
    method: string,
    run: (request: Request) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return async (call, reply) => {
      let response: Response;
      try {
        response = await run(call.request);
      } catch (error) {
        report(method, error);
        reply(statusOf(error));
        return;
      }
      reply(null, response);
    };
  }

  return {
    Apply: unary('Apply', async ({ source, by, why }) =>
      encodeApply(await service.apply(sourceOf(source), by, why)),
    ),
    Plan: unary('Plan', async ({ source }) => encodePlan(await service.plan(sourceOf(source)))),
    Explain: unary('Explain', async (query) => encodeExplain(await service.explain({ ...query }))),
    Status: unary('Status', async () => encodeStatus(await service.status())),
    Counters: unary('Counters', async (asked) => {
      const counters = await service.counters();
      if (asked.port !== '' && !Object.hasOwn(counters.ports, asked.port)) {
        throw new ServiceError('not-found', `no port is named ${asked.port}`);
      }
      return encodeCounters(counters, asked);
    }),
    Ports: unary('Ports', async () => ({ ports: (await service.ports()).map(encodePort) })),
    Matrix: unary('Matrix', () => service.matrix()),
    Sets: unary('Sets', async () => ({ sets: await service.sets() })),
    SetMembers: unary('SetMembers', async ({ name }) => ({
      members: (await service.setMembers(name)).map(encodeMember),
    })),
    SetAdd: unary('SetAdd', async ({ name, addresses, ttl }) => ({
      added: await service.setAdd(name, addresses, timeToLive(ttl)),
    })),
    SetDelete: unary('SetDelete', async ({ name, addresses }) => ({
      deleted: await service.setDelete(name, addresses),
    })),
    States: (call) => {
      streamStates(call, service, options.stopping).catch((error: unknown) => {
        report('States', error);
        failStream(call, error);
      });
    },
    WatchDrops: (call) => {
      streamDrops(call, service, options.watchQueue, options.stopping).catch((error: unknown) => {
        report('WatchDrops', error);
        failStream(call, error);
      });
    },
  };
}

function sourceOf(source: PolicySource__Output | null): PolicySource {
  if (source === null) throw new ServiceError('invalid', 'the request carries no policy');
  return { text: source.text, file: source.file === '' ? 'policy.yaml' : source.file };
}

function timeToLive(ttl: number | undefined): number | null {
  if (ttl === undefined) return null;
  if (!(ttl > 0) || !Number.isFinite(ttl)) {
    throw new ServiceError('invalid', `time to live ${ttl}: must be more than 0 seconds`);
  }
  return ttl;
}
