/** What replication costs, beside conntrackd: the rounds of `make bench-ha` without its failures, as a section of the report. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ended } from './child.js';

const PROGRAM = fileURLToPath(new URL('ha/main.js', import.meta.url));
/** As many as fit beside all the rest. */
const ROUNDS = 3;

/** Runs them, in a lab of their own, and resolves with the section; throws when they fail. */
export async function syncSection(results: string): Promise<string> {
  const env = { ...process.env, HA_FAILURES: '', HA_ROUNDS: String(ROUNDS) };
  const child = spawn(process.execPath, [PROGRAM], {
    env,
    // What they tell is no report.
    stdio: ['ignore', process.stderr, 'inherit'],
  });
  const status = await ended(child);
  if (status !== 0) throw new Error(`what replication costs was not found: status ${status}`);
  const text = readFileSync(join(results, 'sync.md'), 'utf8');
  return `## What replication costs\n${text.slice(text.indexOf('\n'))}`;
}
