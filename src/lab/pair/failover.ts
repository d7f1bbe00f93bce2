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

export interface Failover {
  readonly from: NodeName;
  readonly to: NodeName;
  /** What a probe of one datagram a millisecond saw of the failure. */
  readonly pulse: PulseReport;
  /** And when what had failed came back, until the pair had settled; null when nothing had failed. */
  readonly comeback: PulseReport | null;
  /** The new one's word on why. */
  readonly reason: string;
}

/** Runs a failure while a probe counts; what failed comes back, and the pair settles. */
export async function failOver(pair: Redundant, agent: Agent, failure: Failure): Promise<Failover> {
  const from = await pair.settled();
  const to = otherOf(from);
  const pulse = await probe(agent, async () => {
    await failure.begin(pair, from);
    await pair.becomes(to);
  });
  const reason = await pair.reason(to);
  const { end } = failure;
  const back = async () => {
    await end?.(pair, from);
    await pair.settled();
  };
  const comeback = end === null ? null : await probe(agent, back);
  if (end === null) await pair.settled();
  return { from, to, pulse, comeback, reason };
}

/** What the probe sees of some work: it runs before, and until it is answered again afterwards. */
export async function probe(agent: Agent, work: () => Promise<void>): Promise<PulseReport> {
  await agent.ask('pulseStart', {
    pulse: PULSE,
    source: CLIENT.v4,
    sourcePort: SOURCE_PORT,
    destination: SERVER.v4,
    port: ECHO_PORT,
    intervalMs: 1,
  });
  await pause(BEFORE_MS);
  await work();
  const deadline = Date.now() + WITHIN_MS;
  const report = () => agent.ask('pulseReport', { pulse: PULSE });
  while ((await report()).idleMs > ANSWERED_MS && Date.now() < deadline) await pause(LOOK_MS);
  await pause(AFTER_MS);
  return agent.ask('pulseStop', { pulse: PULSE, lingerMs: LINGER_MS });
}
