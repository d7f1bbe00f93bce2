/**
 * `make bench-ha`: what a failover costs the traffic, and what replication costs the nodes, beside what is replaced and
 * beside plain spanning tree, in the same lab on the same machine by turns. Writes bench/results/ha.md and ha.json; sync
 * instead of ha, where it is asked for no failure.
 */
import { Lab } from '../../src/lab/netns.js';
import { FAILURES as ALL_FAILURES } from '../../src/lab/pair/failures.js';
import { keepResults, machineLine } from '../../src/lab/results.js';
import { runInLab } from '../../src/lab/run.js';
import type { Screen } from '../../src/lab/screen.js';
import type { AttachMode } from '../../src/lab/wall.js';
import { type Amount, ReplicationBench, type ReplicationCost } from './replication.js';
import { type Found, report, type Switched } from './report.js';
import { SUBJECTS as ALL_SUBJECTS, type Subject } from './subjects.js';
import { Stand } from './trials.js';

const env = process.env;
const TRIALS = Number(env.HA_TRIALS ?? 10);
/** Of what takes half a minute or more to switch. */
const SLOW_TRIALS = Number(env.HA_SLOW_TRIALS ?? 2);
const CONNECTIONS = Number(env.HA_CONNECTIONS ?? 2000);
const ROUNDS = Number(env.HA_ROUNDS ?? 5);
const AMOUNT: Amount = { rate: Number(env.HA_RATE ?? 2000), seconds: Number(env.HA_SECONDS ?? 5) };
const FAILURES = chosen(ALL_FAILURES, env.HA_FAILURES, ({ name }) => name);
const SUBJECTS = chosen(ALL_SUBJECTS, env.HA_SUBJECTS, ({ key }) => key);

/** Those of that name: names with commas, or all. */
function chosen<T>(all: readonly T[], names: string | undefined, nameOf: (one: T) => string): T[] {
  const wanted = names?.split(',');
  return all.filter((one) => wanted?.includes(nameOf(one)) ?? true);
}

/** Each subject has a lab of its own, for they have the same names in it. */
async function inLabs<T>(lab: Lab, work: (open: () => Lab) => Promise<T>): Promise<T> {
  const labs: Lab[] = [];
  const close = async () => {
    await Promise.all(labs.map((one) => one.close()));
  };
  lab.onClose(close);
  try {
    return await work(() => {
      const made = new Lab('bench-ha');
      labs.push(made);
      return made;
    });
  } finally {
    await close();
  }
}

/** Slow ones run beside each other, and never beside one that is fast: its gaps are a few milliseconds. */
async function failovers(lab: Lab, screen: Screen, attach: AttachMode): Promise<Switched[]> {
  return await inLabs(lab, async (open) => {
    screen.step(`Pairs, ${CONNECTIONS} connections through each`);
    const stand = async ({ name, failing }: Subject) =>
      await Stand.open(name, await failing(open(), attach), CONNECTIONS);
    const stands = await Promise.all(SUBJECTS.map(stand));
    const [fast, slow] = [false, true].map((wanted) =>
      stands.filter((_, i) => SUBJECTS[i]!.slow === wanted),
    ) as [Stand[], Stand[]];
    const all = async (one: Stand) => {
      await one.nothing();
      for (const failure of FAILURES) await one.trial(failure);
    };
    screen.step('Failures');
    for (let trial = 0; trial < Math.max(TRIALS, SLOW_TRIALS); trial++) {
      screen.progress(`trial ${trial + 1} of ${TRIALS}`);
      if (trial < TRIALS) for (const one of fast) await all(one);
      if (isTurn(trial)) await Promise.all(slow.map(all));
    }
    screen.step('Every connection says one more word');
    const mute = await Promise.all(stands.map((one) => one.mute()));
    return stands.map(({ name, trials, failed }, i) => ({ name, trials, failed, mute: mute[i]! }));
  });
}

/** Spreads the slow trials over the fast ones. */
function isTurn(trial: number): boolean {
  const most = Math.max(TRIALS, SLOW_TRIALS);
  const upTo = (count: number) => Math.floor((count * SLOW_TRIALS) / most);
  return upTo(trial + 1) > upTo(trial);
}

async function replication(lab: Lab, screen: Screen, attach: AttachMode) {
  return await inLabs(lab, async (open): Promise<ReplicationCost[]> => {
    const benches: ReplicationBench[] = [];
    for (const { name, replicating } of SUBJECTS) {
      if (replicating === null) continue;
      screen.step(`What replication costs: ${name}`);
      const pair = await replicating(open(), attach);
      benches.push(await ReplicationBench.begin(pair, AMOUNT));
    }
    for (const kind of ['lives', 'churn'] as const) {
      for (let round = 0; round < ROUNDS; round++) {
        screen.progress(`${kind}: round ${round + 1} of ${ROUNDS}`);
        for (const bench of benches) await bench[kind]();
      }
    }
    return benches.map((bench) => bench.cost());
  });
}

process.exitCode = await runInLab('bench-ha', async (lab, screen, attach) => {
  const machine = machineLine();
  const costs = ROUNDS > 0 ? await replication(lab, screen, attach) : [];
  const switched = FAILURES.length > 0 ? await failovers(lab, screen, attach) : [];
  const sizes = { connections: CONNECTIONS, rounds: ROUNDS, amount: AMOUNT };
  const found: Found = { machine, ...sizes, switched, costs };
  const text = report(found);
  keepResults(FAILURES.length > 0 ? 'ha' : 'sync', text, found);
  screen.wide(`\n${text}`);
  return switched.some(({ failed }) => failed.length > 0) ? 1 : 0;
});
