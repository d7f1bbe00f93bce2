/**
 * Coverage-guided fuzzing of the dataplane: its sources, built for this machine. Whatever input reaches
 * something new is then judged by the programs in the kernel, which must do the same. FUZZ_SECONDS sets
 * for how long, FUZZ_CORPUS where inputs are kept from one run to the next.
 */
import { readlinkSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../dataplane/harness/native.js';
import { command, layCables } from '../dataplane/harness/network.js';
import { Fuzzer } from './fuzzer.js';
import { seeds } from './input.js';
import { Recording } from './record.js';
import { Replay } from './replay.js';
import { makeWorlds, snapshot, type World } from './worlds.js';

const BY_HAND = process.env.FUZZ_SECONDS;
const SECONDS = Number(BY_HAND ?? 30);
/** Inputs of each process; more than it gets to in a minute. */
const RUNS = BY_HAND === undefined ? 1_000_000 : -1;
/** Other tests run beside this one, but not by hand. */
const WORKERS = BY_HAND === undefined ? 1 : availableParallelism();
const WORK = resolve(ROOT, 'build/fuzz');
/** Inputs that are recorded at a time: what an hour finds is more than a buffer holds. */
const PART = 2000;
const MOST_SHOWN = 5;

let worlds: World[];
let fuzzer: Fuzzer;

/** Per-CPU scratch and counters are read where this thread wrote them. */
function stayOnOneCpu(): void {
  command('taskset', '-cp', '0', basename(readlinkSync('/proc/thread-self')));
}

beforeAll(() => {
  worlds = makeWorlds(layCables());
  const kept = process.env.FUZZ_CORPUS;
  const corpus = kept === undefined ? join(WORK, 'corpus') : resolve(kept);
  if (kept === undefined) rmSync(corpus, { recursive: true, force: true });
  fuzzer = new Fuzzer({ work: WORK, corpus }, snapshot(worlds, worlds[0]!.wall.hz));
  fuzzer.add(seeds(worlds));
}, 300_000);

afterAll(() => {
  for (const { wall } of worlds) wall.close();
});

describe('the sources of the dataplane, built for this machine', () => {
  it(`do nothing wrong in ${SECONDS} s of inputs that reach ever more of them`, {
    timeout: SECONDS * 1000 + 120_000,
  }, async () => {
    const o = { seconds: SECONDS, runs: RUNS, workers: WORKERS };
    const { found, runs, covered } = await fuzzer.run(o);
    process.stdout.write(`  ${runs} inputs, ${covered} places reached\n`);
    expect(found).toBe('');
  });

  it('do what the programs in the kernel do', { timeout: 600_000 + SECONDS * 100 }, async () => {
    const names = fuzzer.corpus();
    const differences: string[] = [];
    let number = 0;
    let replay: Replay | undefined;
    for (let from = 0; from < names.length && differences.length < MOST_SHOWN; from += PART) {
      const recording = new Recording(await fuzzer.record(names.slice(from, from + PART)));
      stayOnOneCpu();
      // It knows what the last input left in the maps.
      replay ??= new Replay(worlds, recording.layout);
      for (const input of recording.inputs()) {
        const name = basename(names[number++]!);
        differences.push(...replay.run(input).map((words) => `${name}: ${words}`));
        if (differences.length >= MOST_SHOWN) break;
      }
    }
    process.stdout.write(`  ${number} inputs, ${replay?.frames ?? 0} frames in the kernel\n`);
    replay?.close();
    expect(differences).toEqual([]);
    expect(number).toBe(names.length);
  });
});
