/**
 * `make bench`: what a packet costs in the wall, beside a bridge and bare redirects. The work is done
 * by a child in network and mount namespaces of its own, which go when it ends, however it ends.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Cpus } from './cables.js';
import { thisMachine } from './machine.js';
import { report } from './report.js';
import { measureAll } from './run.js';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const RESULTS = join(ROOT, 'bench', 'results');

const { values } = parseArgs({
  options: {
    repetitions: { type: 'string', default: '7' },
    milliseconds: { type: 'string', default: '150' },
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
  const child = spawn('unshare', args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => child.kill('SIGTERM'));
  }
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (status, signal) =>
      done(status ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/** A line that is overwritten on a terminal; elsewhere only its beginning, when that changes. */
function progressTo(stream: NodeJS.WriteStream): (words: string) => void {
  let last = '';
  return (words) => {
    if (stream.isTTY) {
      stream.write(`\r\x1b[K${words}`);
      return;
    }
    const begin = words.split(':')[0]!;
    if (begin !== last) stream.write(`${begin}\n`);
    last = begin;
  };
}

async function inside(): Promise<number> {
  const progress = progressTo(process.stderr);
  const run = await measureAll({
    object: join(ROOT, 'build', 'bpf', 'bench.bpf.o'),
    cpus: chooseCpus(),
    repetitions: atLeastOne(values.repetitions, 'repetitions'),
    milliseconds: atLeastOne(values.milliseconds, 'milliseconds'),
    machine: thisMachine(ROOT),
    progress,
  });
  const text = report(run);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(run, null, 2)}\n`);
  writeFileSync(join(RESULTS, 'latest.md'), text);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stdout.write(`${text}\nWritten to bench/results/latest.md and latest.json.\n`);
  return 0;
}

try {
  process.exitCode = await (values.inside ? inside() : enter());
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
