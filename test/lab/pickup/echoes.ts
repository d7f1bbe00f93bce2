/** Connections that echo without a pause, and tell how far each has come. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Bench, SERVER } from '../daemon/bench.js';

/**
 * Every connection sends blocks of its own size and waits for each to come back, bit by bit the same. A
 * line on stdin asks for the rounds of each, -1 for one that has ended.
 */
const CODE = `
const net = require('net');
const [port, address, count, impatient] = process.argv.slice(1);
const rounds = new Array(Number(count)).fill(0);
let open = 0;
for (let n = 0; n < rounds.length; n++) {
  const size = [1, 100, 5000, 200000][n % 4];
  const pause = n % 3 === 0 ? 50 : 0;
  const s = net.connect({ port: Number(port), host: address, noDelay: true });
  if (impatient) s.setKeepAlive(true, 1000);
  let wanted = Buffer.alloc(0), got = 0;
  const send = () => { wanted = Buffer.alloc(size, rounds[n] & 255); got = 0; s.write(wanted); };
  s.on('connect', () => { if (++open === rounds.length) console.log('open'); send(); });
  s.on('data', (d) => {
    if (!d.equals(wanted.subarray(got, got + d.length))) { console.log('garbled'); process.exit(1); }
    got += d.length;
    if (got === size) { rounds[n]++; pause ? setTimeout(send, pause) : send(); }
  });
  s.on('error', () => {}).on('close', () => { rounds[n] = -1; });
}
process.stdin.on('data', () => console.log(JSON.stringify(rounds)));
`;

export class Echoes {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /**
   * So many connections to a port that echoes; resolves once all are open.
   * @param impatient gives up soon on what is never answered
   */
  static async open(bench: Bench, port: number, count: number, impatient = false): Promise<Echoes> {
    const numbers = [port, SERVER.v4, count].map(String);
    const args = [process.execPath, '-e', CODE, ...numbers, ...(impatient ? ['impatient'] : [])];
    const echoes = new Echoes(bench.client.spawn(args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    const word = await echoes.#line();
    if (word !== 'open') throw new Error(`not open: ${word}`);
    return echoes;
  }

  /** Rounds that each connection has made; -1: it has ended. */
  async rounds(): Promise<number[]> {
    this.#child.stdin!.write('rounds\n');
    const line = await this.#line();
    const rounds: unknown = JSON.parse(line);
    if (Array.isArray(rounds)) return rounds.map(Number);
    throw new Error(line);
  }

  /** How many of them have made so many more rounds since `before`. */
  async further(before: readonly number[], by = 2): Promise<number> {
    const now = await this.rounds();
    return now.filter((rounds, n) => rounds >= before[n]! + by).length;
  }

  async #line(): Promise<string> {
    const { value } = await this.#lines.next();
    return String(value);
  }
}
