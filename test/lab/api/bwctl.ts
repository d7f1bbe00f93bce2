/** Runs the real `bin/bwctl`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { ApiServer } from '../../../src/control/api/server.js';
import type { NodeService } from '../../../src/control/service.js';

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

/** A node that answers `bwctl` for as long as the tests of a file run. */
export interface Answering {
  readonly directory: string;
  readonly socket: string;
  ask(...words: string[]): Promise<Outcome>;
  /** With something on standard input. */
  feed(input: string, ...words: string[]): Promise<Outcome>;
  /** What it says in JSON; it must go well. */
  json(...words: string[]): Promise<unknown>;
}

/** Serves `node` from before the first test to after the last. */
export function answering(node: NodeService): Answering {
  let directory = '';
  let server: ApiServer | undefined;
  const socketOf = () => join(directory, 'fw1.sock');
  const feed = (input: string, ...words: string[]) =>
    bwctl(words, { BWCTL_SOCKET: socketOf() }, input);
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bw-api-'));
    server = new ApiServer(node, { socket: socketOf() });
    await server.listen();
  });
  afterAll(async () => {
    await server?.close();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    get directory() {
      return directory;
    },
    get socket() {
      return socketOf();
    },
    feed,
    ask: (...words) => feed('', ...words),
    json: async (...words) => {
      const { code, stdout, stderr } = await feed('', ...words, '-o', 'json');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout);
    },
  };
}
