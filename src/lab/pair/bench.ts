/**
 * `make bench-ha`: what a failover costs the traffic, and what replication costs the nodes. Everything in one run;
 * the parts that are compared take turns. Writes bench/results/ha.json and ha.md.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../agent/handle.js';
import type { Lab } from '../netns.js';
import { keepResults, machineLine, median, quantile } from '../results.js';
import { ROOT } from '../root.js';
import { runInLab } from '../run.js';
import type { Screen } from '../screen.js';
import type { AttachMode } from '../wall.js';
import { Crowd, serveEchoes } from './crowd.js';
import { failOver } from './failover.js';
import { FAILURES as ALL_FAILURES } from './failures.js';
import { Pair } from './pair.js';
import { NODES, type NodeName, otherOf, SERVER } from './pair-net.js';

const TRIALS = Number(process.env.HA_TRIALS ?? 10);
const CONNECTIONS = Number(process.env.HA_CONNECTIONS ?? 2000);
const CHURN_MS = Number(process.env.HA_CHURN_MS ?? 5000);
const ROUNDS = Number(process.env.HA_ROUNDS ?? 5);
/** Names of failures, with commas; all of them by default. */
const CHOSEN = process.env.HA_FAILURES?.split(',');
const FAILURES = ALL_FAILURES.filter(({ name }) => CHOSEN?.includes(name) ?? true);
const TOGETHER = 32;
const CLOCK_HZ = 100;

interface Gap {
  readonly failure: string;
  readonly trials: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  readonly lost: number;
  readonly duplicates: number;
}

interface Cost {
  /** With replication, over without, of adjacent rounds. */
  readonly ratio: number;
  readonly perSecond: { readonly on: number; readonly off: number };
  /** Microseconds of both daemons for each connection, beyond what they take without it. */
  readonly cpu: { readonly active: number; readonly standby: number };
  readonly bytes: number;
  readonly lag: { readonly p50: number; readonly p99: number };
}

async function gaps(pair: Pair, crowd: Crowd, screen: Screen): Promise<Gap[]> {
  const agent = new Agent(pair.net.client);
  const all = new Map(FAILURES.map(({ name }) => [name, [] as number[]]));
  const duplicates = new Map(FAILURES.map(({ name }) => [name, 0]));
  const lost = new Map(FAILURES.map(({ name }) => [name, 0]));
  for (let trial = 0; trial < TRIALS; trial++) {
    for (const failure of FAILURES) {
      const { name } = failure;
      screen.progress(`trial ${trial + 1} of ${TRIALS}: ${name}`);
      const before = await crowd.report();
      const { pulse } = await failOver(pair, agent, failure);
      const after = await crowd.report();
      all.get(name)!.push(pulse.longestGapMs);
      duplicates.set(name, duplicates.get(name)! + pulse.duplicates);
      lost.set(name, lost.get(name)! + after.ended - before.ended);
    }
  }
  return FAILURES.map(({ name }) => ({
    failure: name,
    trials: TRIALS,
    p50: quantile(all.get(name)!, 0.5, 0),
    p99: quantile(all.get(name)!, 0.99, 0),
    worst: Math.max(...all.get(name)!),
    lost: lost.get(name)!,
    duplicates: duplicates.get(name)!,
  }));
}

/** Milliseconds of processor time that a process has had, its threads included. */
function processorMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_HZ;
}

interface Churn {
  readonly perSecond: number;
  readonly done: number;
  readonly cpu: Readonly<Record<NodeName, number>>;
  readonly bytes: number;
  readonly lags: readonly number[];
}

async function churn(pair: Pair, active: NodeName): Promise<Churn> {
  const program = join(ROOT, 'dist/src/lab/pair/churn-client.js');
  const cpu = () => NODES.map((node) => processorMs(pair.walls[node].pid!));
  const told = async () => (await pair.status(otherOf(active))).sync?.told.bytes ?? 0;
  const [before, bytes] = [cpu(), await told()];
  const lags: number[] = [];
  const look = setInterval(async () => {
    const status = await pair.status(otherOf(active)).catch(() => null);
    if (status?.sync) lags.push(status.sync.lagMs);
  }, 50);
  const args = [SERVER.v4, '80', String(TOGETHER), String(CHURN_MS)];
  const ended = await pair.net.client.run([process.execPath, program, ...args]);
  clearInterval(look);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = cpu();
  const { done, perSecond } = JSON.parse(ended.stdout) as { done: number; perSecond: number };
  const used = NODES.map((_, i) => after[i]! - before[i]!);
  return {
    ...{ done, perSecond, lags },
    cpu: { fw1: used[0]!, fw2: used[1]! },
    bytes: (await told()) - bytes,
  };
}

/** Rounds with the link between the nodes whole, and cut, by turns. */
async function cost(pair: Pair, screen: Screen): Promise<Cost> {
  const active = await pair.settled();
  const standby = otherOf(active);
  const [on, off]: [Churn[], Churn[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    screen.progress(`round ${round + 1} of ${ROUNDS}, replicated`);
    await pair.settled();
    on.push(await churn(pair, active));
    screen.progress(`round ${round + 1} of ${ROUNDS}, alone`);
    pair.net.deafen(standby, 'sync');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    off.push(await churn(pair, active));
    pair.net.hear(standby, 'sync');
    await pair.settled();
  }
  const each = (rounds: Churn[], node: NodeName) =>
    median(rounds.map(({ cpu, done }) => (cpu[node] * 1000) / done));
  const lags = on.flatMap((round) => round.lags);
  const speed = (rounds: Churn[]) => median(rounds.map(({ perSecond }) => perSecond));
  return {
    ratio: median(on.map(({ perSecond }, i) => perSecond / off[i]!.perSecond)),
    perSecond: { on: speed(on), off: speed(off) },
    cpu: {
      active: each(on, active) - each(off, active),
      standby: each(on, standby) - each(off, standby),
    },
    bytes: median(on.map(({ bytes, done }) => bytes / done)),
    lag: { p50: quantile(lags, 0.5, 0), p99: quantile(lags, 0.99, 0) },
  };
}

function report(machine: string, found: readonly Gap[], sync: Cost): string {
  const rows = found.map(
    ({ failure, trials, p50, p99, worst, lost, duplicates }) =>
      `| ${failure} | ${trials} | ${p50} | ${p99} | ${worst} | ${lost} | ${duplicates} |`,
  );
  return [
    '# A pair of nodes, measured',
    '',
    `${machine}. Both nodes, both switches, clients and servers share its processors. The gap is the longest time ` +
      `between two answers to a probe of one datagram a millisecond; ${CONNECTIONS} TCP connections speak meanwhile.`,
    '',
    '| failure | trials | gap p50, ms | p99 | worst | connections lost | datagrams twice |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...rows,
    '',
    `New connections with replication over without, same run by turns, ${ROUNDS} rounds: ${sync.ratio.toFixed(2)} ` +
      `(${sync.perSecond.on} and ${sync.perSecond.off} a second; one client program is what limits both).`,
    '',
    `Processor time of the daemons for each connection, beyond what they take alone: ${sync.cpu.active.toFixed(1)} us on ` +
      `the active node, ${sync.cpu.standby.toFixed(1)} us on the standby. Bytes of records: ` +
      `${sync.bytes.toFixed(0)} for each connection. Lag: p50 ${sync.lag.p50} ms, p99 ${sync.lag.p99} ms.`,
    '',
  ].join('\n');
}

async function measure(lab: Lab, screen: Screen, attach: AttachMode) {
  screen.step('A pair');
  const pair = await Pair.build(lab, { attach });
  await pair.start();
  await serveEchoes(pair.net.server);
  // Else the client runs out of ports long before the wall runs out of anything.
  pair.net.client.sysctl('net.ipv4.ip_local_port_range', '1024 65000');
  pair.net.client.sysctl('net.ipv4.tcp_tw_reuse', 1);
  screen.step('What replication costs');
  const sync = await cost(pair, screen);
  screen.step(`${TRIALS} trials of each failure, ${CONNECTIONS} connections`);
  const crowd = new Crowd(pair.net.client);
  await crowd.open(SERVER.v4, 80, CONNECTIONS);
  await crowd.talk(500);
  const found = await gaps(pair, crowd, screen);
  return { found, sync };
}

process.exitCode = await runInLab('bench-ha', async (lab, screen, attach) => {
  const { found, sync } = await measure(lab, screen, attach);
  const machine = machineLine();
  const text = report(machine, found, sync);
  keepResults('ha', text, { machine, found, sync });
  screen.wide(`\n${text}`);
  return 0;
});
