/** A train of datagrams each way through a pair, by a program in C without a stack: build/bench/train. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Probe } from '../src/lab/pair/failover.js';
import { type PairNet, SERVER } from '../src/lab/pair/pair-net.js';
import { ROOT } from '../src/lab/root.js';

const PROGRAM = join(ROOT, 'build/bench/train');
const PORT = 7;
/** Nobody has them: no stack answers. */
export const TRAIN_MACS = { client: '02:00:00:00:aa:01', server: '02:00:00:00:aa:02' };

/** What one train saw, one way. */
export interface Way {
  readonly sent: number;
  readonly lost: number;
  readonly twice: number;
  /** Between the departures of two that arrived, with one that was lost between them; 0: none was. */
  readonly longestMs: number;
}

export class Train implements Probe<Way[]> {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: ((line: string) => void)[] = [];

  /** @param from IPv4 address that the client's datagrams have */
  constructor({ client, server }: PairNet, from: string, intervalUs: number) {
    const macs = [TRAIN_MACS.client, TRAIN_MACS.server];
    const args = [client.path, server.path, ...macs, from, SERVER.v4, PORT, intervalUs].map(String);
    this.#child = client.spawn([PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const wait = this.#waiting.shift();
      if (wait === undefined) this.#lines.push(line);
      else wait(line);
    });
  }

  async idleMs(): Promise<number> {
    const line = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#child.stdin!.write('\n');
    return Number(await line) / 1000;
  }

  async stop(): Promise<Way[]> {
    const ended = once(this.#child, 'close');
    this.#child.stdin!.end();
    const [status] = (await ended) as [number | null];
    if (status !== 0 || this.#lines.length !== 2) throw new Error(`train: exit ${status}`);
    return this.#lines.map((line) => {
      const [sent = 0, lost = 0, twice = 0, longest = 0] = line.split(' ').map(Number);
      return { sent, lost, twice, longestMs: longest / 1000 };
    });
  }
}
