/** One failover under traffic, and what the traffic noticed. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Agent } from '../agent/handle.js';
import type { PulseReport } from '../agent/protocol.js';
import type { Failure } from './failures.js';
import { CLIENT, type NodeName, otherOf, SERVER } from './pair-net.js';
import type { Redundant } from './redundant.js';

/** Before and after: the train runs by then, and goes on. */
const BEFORE_MS = 300;
const AFTER_MS = 700;
const LINGER_MS = 300;
const ECHO_PORT = 7;
const SOURCE_PORT = 20_007;
const PULSE = 'failover';
/** Since its last answer: the train runs again. */
const ANSWERED_MS = 100;
const LOOK_MS = 50;
/** A switch may remember a host at the dead node for as long as its table does. */
const WITHIN_MS = 330_000;

/** A train of datagrams on its way, and what it saw in the end. */
export interface Probe<Seen> {
  /** Since anything of it arrived. */
  idleMs(): Promise<number>;
  stop(): Promise<Seen>;
}

/** Sends one off. */
export type StartProbe<Seen> = () => Promise<Probe<Seen>>;

export interface Failover<Seen> {
  readonly from: NodeName;
  readonly to: NodeName;
  /** What a probe saw of the failure. */
  readonly pulse: Seen;
  /** And when what had failed came back, until the pair had settled; null when nothing had failed. */
  readonly comeback: Seen | null;
  /** The new one's word on why. */
  readonly reason: string;
}

/** Runs a failure while a probe counts; what failed comes back, and the pair settles. */
export async function failOver<Seen>(
  pair: Redundant,
  start: StartProbe<Seen>,
  failure: Failure,
): Promise<Failover<Seen>> {
  const from = await pair.settled();
  const to = otherOf(from);
  const pulse = await probe(start, async () => {
    await failure.begin(pair, from);
    await pair.becomes(to);
  });
  const reason = await pair.reason(to);
  const { end } = failure;
  const back = async () => {
    await end?.(pair, from);
    await pair.settled();
  };
  const comeback = end === null ? null : await probe(start, back);
  if (end === null) await pair.settled();
  return { from, to, pulse, comeback, reason };
}

/** What the probe sees of some work: it runs before, and until it is answered again afterwards. */
export async function probe<Seen>(
  start: StartProbe<Seen>,
  work: () => Promise<void>,
): Promise<Seen> {
  const train = await start();
  await pause(BEFORE_MS);
  await work();
  const deadline = Date.now() + WITHIN_MS;
  while ((await train.idleMs()) > ANSWERED_MS && Date.now() < deadline) await pause(LOOK_MS);
  await pause(AFTER_MS);
  return await train.stop();
}

/** One datagram a millisecond from the client's agent, which the server echoes. */
export function pulseOf(agent: Agent): StartProbe<PulseReport> {
  return async () => {
    await agent.ask('pulseStart', {
      pulse: PULSE,
      source: CLIENT.v4,
      sourcePort: SOURCE_PORT,
      destination: SERVER.v4,
      port: ECHO_PORT,
      intervalMs: 1,
    });
    return {
      idleMs: async () => (await agent.ask('pulseReport', { pulse: PULSE })).idleMs,
      stop: () => agent.ask('pulseStop', { pulse: PULSE, lingerMs: LINGER_MS }),
    };
  };
}
