/** Very many open connections, both ends of which are one program: no stack stands behind them. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { built } from '../../dataplane/harness/native.js';
import type { Bench } from '../daemon/bench.js';

const SOURCE = 'test/lab/attacks/native/crowd.c';
/** Nobody has them: the stacks of both namespaces leave the frames alone. */
const CLIENTS_MAC = '02:00:00:00:c1:01';
const SERVER_MAC = '02:00:00:00:c1:02';

export interface CrowdServer {
  readonly address: string;
  readonly port: number;
}

export class Crowd {
  static readonly serverMac = SERVER_MAC;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** Opens so many connections through the wall. */
  static async open(bench: Bench, count: number, server: CrowdServer): Promise<Crowd> {
    const program = built('build/test/crowd', SOURCE, (output) => [
      ...['cc', '-O2', '-Wall', '-Werror', '-D_GNU_SOURCE', '-o', output, SOURCE],
    ]);
    const places = [bench.client, bench.server].map(({ path }) => path);
    const macs = [CLIENTS_MAC, SERVER_MAC];
    const args = [...places, String(count), ...macs, server.address, String(server.port)];
    const child = bench.client.spawn([program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const crowd = new Crowd(child);
    await crowd.#ask('open');
    return crowd;
  }

  /** A byte by each client and its acknowledgement: how many of both came through. */
  async round(): Promise<{ arrived: number; acknowledged: number }> {
    const [arrived, acknowledged] = await this.#ask('round');
    return { arrived: arrived!, acknowledged: acknowledged! };
  }

  /** The same again and again for as long as `work` takes. */
  async talkDuring<T>(work: () => Promise<T>) {
    this.#child.stdin!.write('talk\n');
    const result = await work();
    const [rounds, sent, arrived] = await this.#ask('');
    return { result, rounds: rounds!, sent: sent!, arrived: arrived! };
  }

  close(): void {
    this.#child.stdin!.end();
  }

  async #ask(word: string): Promise<number[]> {
    this.#child.stdin!.write(`${word}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the crowd has ended');
    return String(value).split(' ').slice(1).map(Number);
  }
}
