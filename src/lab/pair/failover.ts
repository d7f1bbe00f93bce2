/** One failover under traffic, and what the traffic noticed. */
import type { Agent } from '../agent/handle.js';
import type { PulseReport } from '../agent/protocol.js';
import type { Failure } from './failures.js';
import type { Pair } from './pair.js';
import { CLIENT, type NodeName, otherOf, SERVER } from './pair-net.js';

/** Before and after: the train runs by then, and goes on. */
const BEFORE_MS = 300;
const AFTER_MS = 700;
const LINGER_MS = 300;
const ECHO_PORT = 7;
const SOURCE_PORT = 20_007;

export interface Failover {
  readonly from: NodeName;
  readonly to: NodeName;
  /** What a probe of one datagram a millisecond saw. */
  readonly pulse: PulseReport;
  /** The new one's word on why. */
  readonly reason: string;
}

/** Runs a failure while a probe counts; what failed comes back, and the pair settles. */
export async function failOver(pair: Pair, agent: Agent, failure: Failure): Promise<Failover> {
  const from = await pair.settled();
  const to = otherOf(from);
  await agent.ask('pulseStart', {
    pulse: 'failover',
    source: CLIENT.v4,
    sourcePort: SOURCE_PORT,
    destination: SERVER.v4,
    port: ECHO_PORT,
    intervalMs: 1,
  });
  await pause(BEFORE_MS);
  await failure.begin(pair, from);
  await pair.becomes(to);
  await pause(AFTER_MS);
  const pulse = await agent.ask('pulseStop', { pulse: 'failover', lingerMs: LINGER_MS });
  const { reason } = await pair.walls[to].json<{ reason: string }>('ha', 'status');
  await failure.end(pair, from);
  await pair.settled();
  return { from, to, pulse, reason };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
