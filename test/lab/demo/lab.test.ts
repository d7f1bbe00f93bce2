import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RUNS_DIRECTORY, type RunRecord } from '../../../src/lab/netns.js';
import { isAlive } from '../../../src/lab/process.js';
import { ROOT } from '../../../src/lab/root.js';

/** Starts a standing lab and waits until it says that it stands. */
async function stand(): Promise<{ lab: ChildProcess; suffix: string; record: RunRecord }> {
  const lab = spawn(process.execPath, ['dist/src/lab/lab.js'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    lab.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      if (output.includes('make lab-down')) resolve();
    });
    lab.once('exit', () => reject(new Error(`the lab ended: ${output}`)));
  });
  const suffix = /netns\/bw-wall-(\w+) /.exec(output)?.[1] ?? '';
  const record = JSON.parse(readFileSync(join(RUNS_DIRECTORY, `${suffix}.json`), 'utf8'));
  return { lab, suffix, record };
}

function labDown(suffix: string): string {
  return spawnSync(process.execPath, ['dist/src/lab/lab-down.js', suffix], {
    cwd: ROOT,
    encoding: 'utf8',
  }).stdout;
}

function expectGone({ suffix, record }: { suffix: string; record: RunRecord }): void {
  expect(readdirSync('/run/netns').filter((name) => name.endsWith(suffix))).toEqual([]);
  expect(existsSync(record.directory)).toBe(false);
  expect(existsSync(join(RUNS_DIRECTORY, `${suffix}.json`))).toBe(false);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(record.directory);
  expect(record.children.filter(isAlive)).toEqual([]);
}

describe('the standing lab', () => {
  it('stands until lab-down ends it', async () => {
    const run = await stand();
    expect(isAlive(run.record.process)).toBe(true);
    expect(run.record.notes.socket).toContain(run.record.directory);
    const ended = new Promise((resolve) => run.lab.once('exit', resolve));
    expect(labDown(run.suffix)).toContain('ended the lab');
    expect(await ended).toBe(0);
    expectGone(run);
  });

  it('is cleared up by lab-down after it was killed', async () => {
    const run = await stand();
    const ended = new Promise((resolve) => run.lab.once('exit', resolve));
    run.lab.kill('SIGKILL');
    await ended;
    expect(labDown(run.suffix)).toContain('cleared up');
    expectGone(run);
  });
});
