/** TCP of real stacks through a wall: bulk, short connections, slow readers, and a lossy cable. */
import type { ChildProcess } from 'node:child_process';
import type { Namespace } from '../../../src/lab/netns.js';
import { type Bench, SERVER } from '../daemon/bench.js';

export const ECHO = 80;
export const SLOW = 81;

/** Sends `bytes` over each of `connections`, `together` at a time, and wants as many echoed. */
const CLIENT_CODE = `
const net = require('net');
const [port, address, connections, together, bytes] = process.argv.slice(1);
let left = Number(connections), running = 0, done = 0;
function next() {
  while (running < Number(together) && left > 0) {
    left--; running++;
    let got = 0;
    const s = net.connect(Number(port), address);
    s.on('connect', () => s.end(Buffer.alloc(Number(bytes), 7)));
    s.on('data', (d) => { got += d.length; });
    s.on('error', () => {});
    s.on('close', () => {
      running--;
      if (got === Number(bytes)) done++;
      if (left === 0 && running === 0) console.log(done); else next();
    });
  }
}
next();`;

const SERVER_CODE = `
const net = require('net');
const [echo, slow] = process.argv.slice(1).map(Number);
net.createServer({ allowHalfOpen: true }, (s) => s.on('error', () => {}).pipe(s)).listen(echo, '::');
net.createServer({ allowHalfOpen: true, highWaterMark: 1024 }, (s) => {
  s.on('error', () => {}).on('end', () => s.end());
  s.on('data', (d) => { s.pause(); s.write(d); setTimeout(() => s.resume(), 2); });
}).listen(slow, '::', () => console.log('ready'));`;

/** Starts servers that echo at once, and slowly. */
export async function serve(bench: Bench): Promise<void> {
  const code = [process.execPath, '-e', SERVER_CODE, String(ECHO), String(SLOW)];
  await ready(bench.server.spawn(code, { stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** How many of so many connections brought back all their bytes. */
export async function echoed(
  bench: Bench,
  o: { port: number; connections: number; together: number; bytes: number },
): Promise<number> {
  const { port, connections, together, bytes } = o;
  const numbers = [connections, together, bytes].map(String);
  const code = [process.execPath, '-e', CLIENT_CODE, String(port), SERVER.v4, ...numbers];
  const { stdout } = await bench.client.run(code, { timeoutMs: 120_000 });
  return Number(stdout);
}

const DROP = 2;
const GO_ON = 0xffff_ffff;
/** SKF_AD_OFF + SKF_AD_RANDOM: 32 random bits (Documentation/networking/filter.rst). */
const RANDOM = 0xffff_f000 + 56;

/** Loses a part of all frames, in both directions. */
export function lose(end: Namespace, part: number): void {
  const least = Math.round(part * 2 ** 32);
  const program = `4,32 0 0 ${RANDOM},53 1 0 ${least},6 0 0 ${DROP},6 0 0 ${GO_ON}`;
  end.exec('tc', 'qdisc', 'add', 'dev', 'e0', 'clsact');
  for (const direction of ['ingress', 'egress']) {
    const filter = ['filter', 'add', 'dev', 'e0', direction, 'bpf', 'da', 'bytecode', program];
    end.exec('tc', ...filter);
  }
}

/** A counter of the TCP of a namespace, as /proc/net/snmp and netstat name it. */
export function counted(end: Namespace, name: string): number {
  const lines = end.exec('cat', '/proc/net/snmp', '/proc/net/netstat').split('\n');
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const column = lines[at]!.split(' ').indexOf(name);
    if (column > 0) return Number(lines[at + 1]!.split(' ')[column]);
  }
  throw new Error(`no counter ${name}`);
}

function ready(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.stdout!.once('data', resolve));
}
