/** What is measured side by side. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../../src/lab/netns.js';
import { Pair } from '../../src/lab/pair/pair.js';
import { NODES, type NodeName, otherOf } from '../../src/lab/pair/pair-net.js';
import type { Redundant } from '../../src/lab/pair/redundant.js';
import type { AttachMode } from '../../src/lab/wall.js';
import { DEFAULT_TIMERS, KernelStp, LEAST_TIMERS } from './peers/kernel-stp.js';
import { SeedPair } from './peers/seed-pair.js';
import type { Replicating } from './replication.js';

/** Room for those that wait for their end, of which thousands come each second. */
const WAIT_SECONDS = 5;
const STATE = `state: {timeouts: {tcp-time-wait: ${WAIT_SECONDS}s, tcp-close: ${WAIT_SECONDS}s}}`;
/** The link has been noticed to be cut by then. */
const CUT_MS = 3000;

export const WALL = 'wall';
export const SEED = 'the seed: STP, keepalived, conntrackd';

/** A pair to be built in a lab of its own. */
export interface Subject {
  /** Chosen by HA_SUBJECTS. */
  readonly key: string;
  readonly name: string;
  /** Switches within seconds or longer: its trials run beside those of others like it, and there are few. */
  readonly slow: boolean;
  failing(lab: Lab, attach: AttachMode): Promise<Redundant>;
  /** The same for the cost of replication; null of what replicates nothing. */
  readonly replicating: ((lab: Lab, attach: AttachMode) => Promise<Replicating>) | null;
}

export const SUBJECTS: readonly Subject[] = [
  {
    key: 'wall',
    name: WALL,
    slow: false,
    failing: async (lab, attach) => {
      const pair = await Pair.build(lab, { attach });
      await pair.start();
      return pair;
    },
    replicating: async (lab, attach) => {
      const pair = await Pair.build(lab, { attach, more: [STATE] });
      const active = await pair.start();
      return {
        ...{ name: WALL, net: pair.net, active },
        pid: (node) => pair.walls[node].pid ?? null,
        replicate: (on) => cutOrJoin(pair, otherOf(active), on),
      };
    },
  },
  {
    key: 'stp',
    name: 'kernel STP',
    slow: true,
    failing: (lab) => settled(KernelStp.build(lab, DEFAULT_TIMERS)),
    replicating: null,
  },
  {
    key: 'stp-least',
    name: 'kernel STP, least timers',
    slow: true,
    failing: (lab) => settled(KernelStp.build(lab, LEAST_TIMERS)),
    replicating: null,
  },
  {
    key: 'seed',
    name: SEED,
    slow: true,
    failing: async (lab) => {
      const pair = await SeedPair.build(lab, DEFAULT_TIMERS);
      await pair.start();
      return pair;
    },
    replicating: async (lab) => {
      const pair = await SeedPair.build(lab, LEAST_TIMERS);
      for (const node of NODES) {
        const key = 'net.netfilter.nf_conntrack_tcp_timeout_time_wait';
        pair.net.nodes[node].sysctl(key, WAIT_SECONDS);
      }
      const active = await pair.start({ keepalived: false });
      return {
        ...{ name: SEED, net: pair.net, active },
        pid: (node) => pair.conntrackd[node].pid,
        replicate: (on) => startOrStop(pair, on),
      };
    },
  },
];

async function settled(building: Promise<KernelStp>): Promise<KernelStp> {
  const pair = await building;
  await pair.settled();
  return pair;
}

async function cutOrJoin(pair: Pair, standby: NodeName, on: boolean): Promise<void> {
  pair.net.heal();
  await pair.settled();
  if (on) return;
  pair.net.deafen(standby, 'sync');
  await pause(CUT_MS);
}

/** From empty tables each time. */
async function startOrStop(pair: SeedPair, on: boolean): Promise<void> {
  for (const node of NODES) {
    await pair.conntrackd[node].stop();
    pair.net.nodes[node].exec('conntrack', '-F');
  }
  if (on) for (const node of NODES) await pair.conntrackd[node].start();
}
