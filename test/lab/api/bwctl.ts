/** Runs the real `bin/bwctl`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const BWCTL = fileURLToPath(new URL('../../../bin/bwctl', import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts it, with an environment of its own. */
export function start(words: string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [BWCTL, ...words], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs it to its end. */
export async function bwctl(words: string[], env: NodeJS.ProcessEnv, input = ''): Promise<Outcome> {
  const child = start(words, env);
  child.stdin!.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}
