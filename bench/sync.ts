/**
 * `make bench-sync`: what replication costs the daemons of a pair, and how late it is. Connections are led through
 * their lives by a program without a stack, so that neither client nor server limits them. Rounds with the link
 * between the nodes whole, and cut, take turns; a quiet one shows what a pair costs that has nothing to tell.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from '../src/lab/netns.js';
import { Pair } from '../src/lab/pair/pair.js';
import { NODES, type NodeName, otherOf, SERVER } from '../src/lab/pair/pair-net.js';
import { keepResults, machineLine, median, quantile } from '../src/lab/results.js';
import { ROOT } from '../src/lab/root.js';
import { runInLab } from '../src/lab/run.js';
import type { Screen } from '../src/lab/screen.js';
import type { AttachMode } from '../src/lab/wall.js';

const RATES = (process.env.SYNC_RATES ?? '10000,2000').split(',').map(Number);
const ROUNDS = Number(process.env.SYNC_ROUNDS ?? 3);
const SECONDS = Number(process.env.SYNC_SECONDS ?? 5);
const PROGRAM = join(ROOT, 'build/bench/lives');
const MACS = ['02:00:00:00:aa:01', '02:00:00:00:aa:02'];
/** Both nodes have told and taken everything by then. */
const SETTLE_MS = 500;
/** Room for those that wait for their end. */
const STATE = 'state: {timeouts: {tcp-time-wait: 5s, tcp-close: 5s}}';

/** Nanoseconds that each kind of thread of a process ran. */
type Threads = Readonly<Record<string, number>>;

interface Round {
  readonly lives: number;
  readonly seconds: number;
  readonly used: Readonly<Record<NodeName, Threads>>;
  readonly delays: readonly number[];
  readonly bytes: number;
  readonly added: number;
}

function threadsOf(pid: number): Threads {
  const all: Record<string, number> = {};
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const at = `/proc/${pid}/task/${task}`;
    try {
      const name = Number(task) === pid ? 'main' : readFileSync(`${at}/comm`, 'utf8').trim();
      const ran = Number(readFileSync(`${at}/schedstat`, 'utf8').split(' ')[0]);
      all[name] = (all[name] ?? 0) + ran;
    } catch {
      // It has ended meanwhile.
    }
  }
  return all;
}

function since(before: Threads, after: Threads): Threads {
  const names = Object.entries(after);
  return Object.fromEntries(names.map(([name, ran]) => [name, ran - (before[name] ?? 0)]));
}

function total(threads: Threads): number {
  return Object.values(threads).reduce((sum, ran) => sum + ran, 0);
}

/** Where the table of a node is pinned. */
function pinOf(lab: Lab, node: NodeName): string {
  const found = execFileSync('find', [join(lab.directory, `${node}-bpf`), '-name', 'established']);
  return found.toString().trim().split('\n')[0]!;
}

class Bench {
  readonly #lab: Lab;
  readonly #pair: Pair;
  readonly #active: NodeName;

  constructor(lab: Lab, pair: Pair, active: NodeName) {
    this.#lab = lab;
    this.#pair = pair;
    this.#active = active;
  }

  /** So many lives a second; 0: nothing at all. */
  async round(rate: number, told: boolean): Promise<Round> {
    const pair = this.#pair;
    const standby = otherOf(this.#active);
    const status = async () => (await pair.status(standby)).sync!.told;
    const threads = () => NODES.map((node) => threadsOf(pair.walls[node].pid!));
    const taken = await status();
    const before = threads();
    const began = performance.now();
    const led = rate === 0 ? NO_LIVES : await this.#lead(rate, told ? standby : this.#active);
    if (rate === 0) await pause(SECONDS * 1000);
    await pause(SETTLE_MS);
    const seconds = (performance.now() - began) / 1000;
    const after = threads();
    const now = await status();
    const used = NODES.map((_, i) => since(before[i]!, after[i]!));
    return {
      ...led,
      seconds,
      used: { fw1: used[0]!, fw2: used[1]! },
      bytes: now.bytes - taken.bytes,
      added: now.added - taken.added,
    };
  }

  async #lead(rate: number, watched: NodeName) {
    const { client, server } = this.#pair.net;
    const spaces = [client, server].map(({ path }) => path);
    const args = [...spaces, ...MACS, SERVER.v4, '80', String(rate), String(SECONDS)];
    const ended = await client.run([PROGRAM, ...args, pinOf(this.#lab, watched)]);
    const found = /^\[([^\]]*)\] (\d+)/.exec(ended.stdout);
    if (ended.status !== 0 || found === null) throw new Error(`lives: ${ended.stderr}`);
    const delays = found[1]!
      .trim()
      .split(' ')
      .map((text) => Number(text) / 1000);
    return { lives: Number(found[2]), delays };
  }
}

const NO_LIVES = { lives: 0, delays: [] };

interface Rounds {
  readonly rate: number;
  readonly on: readonly Round[];
  readonly off: readonly Round[];
}

async function measure(lab: Lab, screen: Screen, attach: AttachMode) {
  screen.step('A pair');
  const pair = await Pair.build(lab, { attach, more: [STATE] });
  const active = await pair.start();
  const bench = new Bench(lab, pair, active);
  const quiet = await bench.round(0, true);
  const all: Rounds[] = [];
  for (const rate of RATES) {
    const [on, off]: [Round[], Round[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      screen.progress(`${rate} a second, round ${i + 1} of ${ROUNDS}`);
      await pair.settled();
      on.push(await bench.round(rate, true));
      pair.net.deafen(otherOf(active), 'sync');
      await pause(3000);
      off.push(await bench.round(rate, false));
      pair.net.hear(otherOf(active), 'sync');
    }
    all.push({ rate, on, off });
  }
  return { active, quiet, all };
}

type Found = Awaited<ReturnType<typeof measure>>;

function middle(rounds: readonly Round[], of: (round: Round) => number): number {
  return median(rounds.map(of));
}

function report(machine: string, { active, quiet, all }: Found): string {
  const standby = otherOf(active);
  const idle = (node: NodeName) => total(quiet.used[node]) / quiet.seconds;
  const each = (node: NodeName) => (round: Round) =>
    (total(round.used[node]) - idle(node) * round.seconds) / 1000 / round.lives;
  const lines = all.map(({ rate, on, off }) => {
    const delays = on.flatMap((round) => round.delays);
    const alone = middle(off, each(active));
    const figures = [
      ...[middle(on, each(active)), alone, middle(on, each(standby))].map((us) => us.toFixed(1)),
      ...[0.5, 0.99].map((part) => quantile(delays, part).toFixed(1)),
      median(off.flatMap((round) => round.delays)).toFixed(1),
      middle(on, ({ bytes, added }) => bytes / added).toFixed(0),
      middle(on, ({ lives, added }) => (100 * added) / lives).toFixed(1),
    ];
    return `| ${rate} | ${figures.join(' | ')} |`;
  });
  const split = all.flatMap(({ rate, on }) =>
    [active, standby].flatMap((node) => {
      const names = Object.keys(on[0]!.used[node]);
      const figures = names.map((name) => {
        const still = (quiet.used[node][name] ?? 0) / quiet.seconds;
        const us = middle(
          on,
          (r) => ((r.used[node][name] ?? 0) - still * r.seconds) / 1000 / r.lives,
        );
        return { name, us };
      });
      return `- ${rate} a second, ${node === active ? 'active' : 'standby'}: ${figures
        .filter(({ us }) => us >= 0.05)
        .sort((a, b) => b.us - a.us)
        .map(({ name, us }) => `${name} ${us.toFixed(1)}`)
        .join(', ')}`;
    }),
  );
  return [
    '# What replication costs a pair',
    '',
    `${machine}. ${ROUNDS} rounds of ${SECONDS} s each way. Quiet, the daemons take ${(idle(active) / 1e6).toFixed(1)} and ` +
      `${(idle(standby) / 1e6).toFixed(1)} ms of processor time a second; what is beyond that counts.`,
    '',
    '| lives a second | active, us a life | active, link cut | standby | delay p50, ms | p99 | p50 on the active itself | bytes a life | replicated, % |',
    '|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...lines,
    '',
    'By thread, us a life:',
    '',
    ...split,
    '',
  ].join('\n');
}

process.exitCode = await runInLab('bench-sync', async (lab, screen, attach) => {
  const found = await measure(lab, screen, attach);
  const machine = machineLine();
  const text = report(machine, found);
  keepResults('sync', text, { machine, ...found });
  screen.wide(`\n${text}`);
  return 0;
});
