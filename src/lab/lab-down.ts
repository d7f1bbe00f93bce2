/**
 * `make lab-down`: ends every standing lab, and clears up after runs that were killed. With suffixes
 * of runs as arguments, only those.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RUNS_DIRECTORY, type RunRecord, removeRun } from './netns.js';
import { isAlive, type ProcessMark } from './process.js';

function records(): { path: string; record: RunRecord }[] {
  try {
    const only = process.argv.slice(2).map((suffix) => `${suffix}.json`);
    const names = readdirSync(RUNS_DIRECTORY);
    return (only.length > 0 ? names.filter((name) => only.includes(name)) : names).map((name) => {
      const path = join(RUNS_DIRECTORY, name);
      return { path, record: JSON.parse(readFileSync(path, 'utf8')) as RunRecord };
    });
  } catch {
    return [];
  }
}

/** Sends a signal and waits; false when the process is still there after `ms`. */
async function ended(mark: ProcessMark, signal: NodeJS.Signals, ms: number): Promise<boolean> {
  if (isAlive(mark)) process.kill(mark.pid, signal);
  const deadline = Date.now() + ms;
  while (isAlive(mark)) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

async function end(path: string, record: RunRecord): Promise<void> {
  if (isAlive(record.process)) {
    // A demo or a test that is at work clears up by itself.
    if (record.notes.label !== 'lab') return;
    if (await ended(record.process, 'SIGTERM', 10_000)) {
      process.stdout.write(`ended the lab in ${record.directory}\n`);
      return;
    }
    await ended(record.process, 'SIGKILL', 1000);
  }
  for (const child of record.children) {
    if (!(await ended(child, 'SIGTERM', 3000))) await ended(child, 'SIGKILL', 1000);
  }
  removeRun(record);
  rmSync(path, { force: true });
  process.stdout.write(`cleared up after the run in ${record.directory}\n`);
}

for (const { path, record } of records()) await end(path, record);
