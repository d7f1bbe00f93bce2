/** The service's methods on top of a `NodeService`: decode, ask, encode. */
import type { handleUnaryCall } from '@grpc/grpc-js';
import type { ApplyRequest__Output } from '../../generated/proto/bridgewall/v1/ApplyRequest.js';
import type { NodeHandlers } from '../../generated/proto/bridgewall/v1/Node.js';
import type { PolicySource__Output } from '../../generated/proto/bridgewall/v1/PolicySource.js';
import type { ApplyOptions, ApplyResult, NodeService, PolicySource } from '../service.js';
import { ServiceError } from '../service.js';
import { decodeCaller, decodeFilter } from './decode.js';
import {
  encodeApply,
  encodeCounters,
  encodeDifference,
  encodeEntry,
  encodeExplain,
  encodeMember,
  encodePlan,
  encodePort,
  encodeStatus,
  encodeText,
} from './encode.js';
import { encodeHa } from './ha.js';
import { type Encoded, encodeLong, encodeLongPart } from './long.js';
import { receiveLoad, streamDump } from './set-streams.js';
import { receiveUpdates } from './set-updates.js';
import { streamStateDump, streamStates } from './state-streams.js';
import { statusOf } from './status-of.js';
import { failStream, streamDrops, streamEvents, streamSessions } from './streams.js';

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
    run: (request: Request) => Promise<Response | Encoded<Response>>,
  ): handleUnaryCall<Request, Response> {
    return async (call, reply) => {
      let response: Response | Encoded<Response>;
      try {
        response = await run(call.request);
      } catch (error) {
        report(method, error);
        reply(statusOf(error));
        return;
      }
      // The server takes either: see acceptEncoded.
      reply(null, response as Response);
    };
  }

  return {
    Apply: unary('Apply', async (request) => {
      const by = decodeCaller(request.who, request.by);
      const source = sourceOf(request.source);
      return await longApply(await service.apply(source, by, optionsOf(request)));
    }),
    Confirm: unary('Confirm', async ({ who }) => ({
      generation: await service.confirm(decodeCaller(who)),
    })),
    Rollback: unary('Rollback', async ({ generation, who, why }) =>
      longApply(await service.rollback(generation || null, decodeCaller(who), why)),
    ),
    History: unary('History', async () => ({
      entries: (await service.history()).map(encodeEntry),
    })),
    Policy: unary('Policy', async ({ generation }) =>
      encodeText(await service.policyText(generation || null)),
    ),
    Diff: unary('Diff', async ({ from, to }) =>
      encodeLong('DiffResponse', encodeDifference(await service.diff(from, to)), 'changes'),
    ),
    Plan: unary('Plan', async ({ source }) =>
      encodeLong('PlanResponse', encodePlan(await service.plan(sourceOf(source))), 'changes'),
    ),
    Explain: unary('Explain', async (query) => encodeExplain(await service.explain({ ...query }))),
    Status: unary('Status', async () => encodeStatus(await service.status())),
    Counters: unary('Counters', async (asked) => {
      const counters = await service.counters();
      if (asked.port !== '' && !Object.hasOwn(counters.ports, asked.port)) {
        throw new ServiceError('not-found', `no port is named ${asked.port}`);
      }
      return await encodeLong('CountersResponse', encodeCounters(counters, asked), 'rules');
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
    Ha: unary('Ha', async () => encodeHa(await service.ha())),
    HaTakeover: unary('HaTakeover', async ({ who, force }) =>
      encodeHa(await service.haTakeover(decodeCaller(who), force)),
    ),
    HaYield: unary('HaYield', async ({ who }) =>
      encodeHa(await service.haYield(decodeCaller(who))),
    ),
    KillStates: unary('KillStates', async ({ filter, all, who }) => ({
      killed: await service.killStates(decodeFilter(filter), all, decodeCaller(who)),
    })),
    CountStates: unary('CountStates', async ({ filter }) => ({
      count: await service.countStates(decodeFilter(filter)),
    })),
    SetLoad: (call, reply) => {
      receiveLoad(call, service, options.stopping).then(
        (response) => reply(null, response),
        (error: unknown) => {
          report('SetLoad', error);
          reply(statusOf(error));
        },
      );
    },
    SetUpdate: (call) => {
      receiveUpdates(call, service, options.stopping).catch((error: unknown) => {
        report('SetUpdate', error);
        failStream(call, error);
      });
    },
    SetDump: (call) => {
      streamDump(call, service, options.stopping).catch((error: unknown) => {
        report('SetDump', error);
        failStream(call, error);
      });
    },
    States: (call) => {
      streamStates(call, service, options.stopping).catch((error: unknown) => {
        report('States', error);
        failStream(call, error);
      });
    },
    StateDump: (call) => {
      streamStateDump(call, service, options.stopping).catch((error: unknown) => {
        report('StateDump', error);
        failStream(call, error);
      });
    },
    WatchDrops: (call) => {
      streamDrops(call, service, options.watchQueue, options.stopping).catch((error: unknown) => {
        report('WatchDrops', error);
        failStream(call, error);
      });
    },
    WatchSessions: (call) => {
      streamSessions(call, service, options.watchQueue, options.stopping).catch(
        (error: unknown) => {
          report('WatchSessions', error);
          failStream(call, error);
        },
      );
    },
    WatchEvents: (call) => {
      streamEvents(call, service, options.watchQueue, options.stopping).catch((error: unknown) => {
        report('WatchEvents', error);
        failStream(call, error);
      });
    },
  };
}

function longApply(applied: ApplyResult) {
  const part = { name: 'plan', type: 'PlanResponse', number: 4, field: 'changes' } as const;
  return encodeLongPart('ApplyResponse', encodeApply(applied), part);
}

function sourceOf(source: PolicySource__Output | null): PolicySource {
  if (source === null) throw new ServiceError('invalid', 'the request carries no policy');
  return { text: source.text, file: source.file === '' ? 'policy.yaml' : source.file };
}

/** A day: who needs longer to make sure has other worries. */
const LONGEST_CONFIRM_SECONDS = 86_400;

function optionsOf(request: ApplyRequest__Output): ApplyOptions {
  const { why, confirmSeconds, ifGeneration, dryRun } = request;
  if (confirmSeconds !== undefined && !(confirmSeconds > 0)) {
    throw new ServiceError('invalid', `confirm in ${confirmSeconds}: must be more than 0 seconds`);
  }
  if (confirmSeconds !== undefined && confirmSeconds > LONGEST_CONFIRM_SECONDS) {
    throw new ServiceError('invalid', `confirm in ${confirmSeconds} seconds: a day is the most`);
  }
  return {
    why,
    dryRun,
    confirmSeconds: confirmSeconds ?? null,
    ifGeneration: ifGeneration ?? null,
  };
}

function timeToLive(ttl: number | undefined): number | null {
  if (ttl === undefined) return null;
  if (!(ttl > 0) || !Number.isFinite(ttl)) {
    throw new ServiceError('invalid', `time to live ${ttl}: must be more than 0 seconds`);
  }
  return ttl;
}
