/**
 * `make bench`: what a packet costs in the wall, beside what users would have instead. The work is done
 * by a child in network and mount namespaces of its own, which go when it ends, however it ends.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Cpus } from './cables.js';
import { ended } from './child.js';
import { type Plan, quickPlan, wholePlan } from './experiments.js';
import { thisMachine } from './machine.js';
import { figures } from './plots/figures.js';
import { report } from './report.js';
import type { Run } from './results.js';
import { measureAll } from './run.js';
import { syncSection } from './sync-cost.js';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const RESULTS = join(ROOT, 'bench', 'results');
/** Of `--only`: what replication costs. */
const SYNC = 'sync';

const { values } = parseArgs({
  options: {
    repetitions: { type: 'string', default: '5' },
    milliseconds: { type: 'string', default: '100' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    draw: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});

/** The thread that is measured has a CPU to itself where there are two. */
function chooseCpus(): Cpus {
  const count = availableParallelism();
  return { source: 0, measured: count > 1 ? 1 : 0, sink: count > 2 ? 2 : 0 };
}

function atLeastOne(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: not a count: ${text}`);
  return value;
}

/** Runs this program again in namespaces of its own; resolves with its exit status. */
function enter(): Promise<number> {
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
  const namespaces = ['--net', '--mount', '--propagation', 'private'];
  // Ahead of what else runs here: a starved source leaves the port cold between batches.
  const place = ['nice', '-n', '-20', 'taskset', '-c', `${chooseCpus().source}`];
  const self = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const args = [...namespaces, ...place, ...self, '--inside'];
  return ended(spawn('unshare', args, { stdio: 'inherit' }));
}

/** A line that is overwritten on a terminal; elsewhere its beginning, when that changes, with the time. */
function progressTo(stream: NodeJS.WriteStream): (words: string) => void {
  let last = '';
  return (words) => {
    if (stream.isTTY) {
      stream.write(`\r\x1b[K${words}`);
      return;
    }
    const begin = words.split(':')[0]!;
    if (begin !== last) stream.write(`${Math.round(performance.now() / 1000)} s: ${begin}\n`);
    last = begin;
  };
}

/** What is to be measured: all, or what the goals speak of; of that, experiments of some names. */
function choosePlan(): Plan {
  const plan = values.quick ? quickPlan() : wholePlan();
  if (values.only === undefined) return plan;
  const names = values.only.split(',');
  const known = [...plan.experiments.map(({ name }) => name), 'latency', 'scale', SYNC];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--only: not ${unknown}, but ${known.join(', ')}`);
  return {
    ...plan,
    experiments: plan.experiments.filter(({ name }) => names.includes(name)),
    latency: names.includes('latency') ? plan.latency : [],
    scale: names.includes('scale') && plan.scale,
  };
}

async function inside(): Promise<number> {
  const progress = progressTo(process.stderr);
  const run = await measureAll({
    object: join(ROOT, 'build', 'bpf', 'bench.bpf.o'),
    plan: choosePlan(),
    cpus: chooseCpus(),
    repetitions: atLeastOne(values.repetitions, 'repetitions'),
    milliseconds: atLeastOne(values.milliseconds, 'milliseconds'),
    machine: thisMachine(ROOT),
    progress,
    keep,
  });
  const text = keep(run);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stdout.write(`${text}\nWritten to bench/results: latest.md, latest.json and plots.\n`);
  return run.failures.length > 0 ? 1 : 0;
}

/** Writes what a run has found; returns it as text. */
function keep(run: Run): string {
  const text = report(run);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(run, null, 2)}\n`);
  writeFileSync(join(RESULTS, 'latest.md'), text);
  draw(run, RESULTS);
  return text;
}

function draw(run: Run, directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of figures(run)) writeFileSync(join(directory, name), text);
}

/** Plots of the latest run into another directory. */
function redraw(directory: string): number {
  draw(JSON.parse(readFileSync(join(RESULTS, 'latest.json'), 'utf8')) as Run, directory);
  return 0;
}

/** Measures in namespaces, then what replication costs, which makes its own. */
async function whole(): Promise<number> {
  const status = await enter();
  if (status !== 0 || !wantsSync()) return status;
  const section = await syncSection(RESULTS);
  appendFileSync(join(RESULTS, 'latest.md'), `\n${section}`);
  process.stdout.write(`${section}\nAppended to bench/results/latest.md.\n`);
  return 0;
}

function wantsSync(): boolean {
  return values.only === undefined ? !values.quick : values.only.split(',').includes(SYNC);
}

try {
  if (values.draw !== undefined) process.exitCode = redraw(values.draw);
  else process.exitCode = await (values.inside ? inside() : whole());
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
