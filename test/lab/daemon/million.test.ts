/**
 * Dynamic groups at size: a million members each, loaded by bwctl; then one more is added and removed
 * again while another list is on its way, and the client tells when it noticed. Times are told, not
 * asserted. SETS_GROUPS loads more groups (32 are the most; docs/benchmarks.md).
 */

import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../../src/lab/root.js';
import { Bench, CLIENT, policy, SERVER } from './bench.js';

const MILLION = 1_000_000;
const GROUPS = Math.max(2, Number(process.env.SETS_GROUPS ?? 2));
/** Members of every group but the first. */
const OTHERS = process.env.SETS_GROUPS === undefined ? 200_000 : MILLION;
const sizeOf = (group: number) => (group === 0 ? MILLION : OTHERS);
const TOTAL = MILLION + (GROUPS - 1) * OTHERS;
const [TCP, UDP] = [7000, 7001];
const BWCTL = join(ROOT, 'bin/bwctl');

const groupsText = Array.from(
  { length: GROUPS },
  (_, i) => `  g${i}: {dynamic: true, max: ${MILLION + 10}}`,
).join('\n');
const TEXT = policy([TCP])
  .replace('  badguys: {dynamic: true, max: 3}', groupsText)
  .replace('      ping: local', `      ping: local\n      ${UDP}/udp: local`)
  .replace(
    '  - {from: badguys}',
    Array.from({ length: GROUPS }, (_, i) => `  - {from: g${i}}`).join('\n'),
  );

const now = () => Number(process.hrtime.bigint()) / 1e6;
const tell = (text: string) => process.stdout.write(`  ${text}\n`);

/** Opens a connection every millisecond, and one that lasts; tells when each was answered. */
class Prober {
  /** When the last connections were opened that came about, and when the lasting one last answered. */
  opened: number[] = [];
  echoed = 0;
  readonly #child;

  constructor(bench: Bench) {
    const code = `const dgram = require('dgram'), net = require('net');
      const now = () => Number(process.hrtime.bigint()) / 1e6;
      const live = net.connect(${TCP}, '${SERVER.v4}', () => setInterval(() => live.write('x'), 5));
      live.on('data', () => console.log('live ' + now())).on('error', () => {});
      let port = 10000;
      setInterval(() => {
        const socket = dgram.createSocket('udp4');
        const at = now();
        const over = () => { clearTimeout(late); socket.close(); };
        const late = setTimeout(over, 100);
        socket.on('message', () => { console.log('new ' + at); over(); }).on('error', over);
        // A port of its own: what reuses one would go on with a connection that is known.
        socket.bind(++port, () => socket.send('x', ${UDP}, '${SERVER.v4}'));
      }, 1);`;
    this.#child = bench.client.spawn([process.execPath, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const [what, at] = line.split(' ');
      if (what === 'live') this.echoed = Number(at);
      else this.opened.push(Number(at));
    });
  }

  close(): void {
    this.#child.kill();
  }
}

/** Answers datagrams. */
async function answer(bench: Bench): Promise<void> {
  const code = `const s = require('dgram').createSocket('udp4');
    s.on('message', (m, from) => s.send(m, from.port, from.address)).bind(${UDP}, () => console.log('ready'));`;
  const child = bench.server.spawn([process.execPath, '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
}

/** Addresses that no other group has; every tenth is of IPv6. */
function list(group: number): string {
  const lines = Array.from({ length: sizeOf(group) }, (_, i) => {
    const n = group * MILLION + i;
    if (i % 10 === 9) return `2001:db8:${(n >>> 16).toString(16)}:${(n & 65535).toString(16)}::1`;
    return `${11 + (n >>> 24)}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
  });
  return `# group ${group}\n${lines.join('\n')}\n`;
}

describe('a million members', () => {
  let bench: Bench;
  let prober: Prober;

  beforeAll(async () => {
    bench = new Bench();
    await bench.start();
    await bench.apply(TEXT);
    await bench.serve(TCP);
    await answer(bench);
  });
  afterAll(async () => {
    prober?.close();
    await bench.close();
  });

  const bwctl = (...words: string[]) =>
    bench.wall.run([BWCTL, '--socket', bench.socket, '-o', 'json', ...words]);

  const membersOfAll = async () => (await bench.api.sets()).map(({ members }) => members);

  async function load(group: number, ...more: string[]) {
    const path = join(bench.lab.directory, `list-${group}`);
    if (!existsSync(path)) writeFileSync(path, list(group));
    const begun = now();
    const ended = await bwctl('set', 'load', `g${group}`, path, ...more);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    return { ...JSON.parse(ended.stdout), seconds: (now() - begun) / 1000 };
  }

  it('are loaded, in every group', { timeout: GROUPS * 60_000 }, async () => {
    const before = memory();
    for (let group = 0; group < GROUPS; group++) {
      const { added, seconds } = await load(group);
      expect(added).toBe(sizeOf(group));
      tell(`bwctl set load, ${sizeOf(group)} members: ${seconds.toFixed(1)} s`);
      if (group > 1) rmSync(join(bench.lab.directory, `list-${group}`));
    }
    const grown = memory() - before;
    const each = (grown / TOTAL).toFixed(0);
    tell(`${TOTAL} members: ${(grown / 2 ** 20).toFixed(0)} MiB of slabs, ${each} bytes each`);
    expect(await membersOfAll()).toEqual(Array.from({ length: GROUPS }, (_, i) => sizeOf(i)));
  });

  it('do not hold up one that comes or goes while a list is on its way', async () => {
    prober = new Prober(bench);
    await expect.poll(() => prober.opened.length, { timeout: 20_000 }).toBeGreaterThan(50);
    await expect.poll(() => prober.echoed, { timeout: 20_000 }).toBeGreaterThan(0);
    let done = false;
    const loading = (async () => {
      for (;;) {
        const { added, removed, members } = await load(1, '--replace', '--ttl', '1h');
        expect([added, removed, members]).toEqual([0, 0, OTHERS]);
        if (done) return;
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const added = now();
    expect(await bench.api.setAdd('g0', [CLIENT.v4], null)).toBe(1);
    const answered = now() - added;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const opened = Math.max(...prober.opened);
    const { echoed } = prober;
    const removed = now();
    expect(await bench.api.setDelete('g0', [CLIENT.v4])).toBe(1);
    const told = now() - removed;
    await expect
      .poll(() => Math.max(...prober.opened), { timeout: 20_000 })
      .toBeGreaterThan(removed);
    const again = Math.min(...prober.opened.filter((at) => at > removed));
    tell(
      `one added: told after ${ms(answered)}, the last new connection ${ms(opened - added)} after`,
    );
    tell(`the live connection was last heard ${ms(echoed - added)} after`);
    tell(
      `one removed: told after ${ms(told)}, the first new connection ${ms(again - removed)} after`,
    );
    // It was heard until then, and not afterwards: the wall has ended it.
    expect(prober.echoed).toBe(echoed);
    expect(opened).toBeLessThan(removed);
    done = true;
    await loading;
    expect((await membersOfAll()).slice(0, 2)).toEqual([MILLION, OTHERS]);
  });

  it('are listed, and leave when the set is flushed', async () => {
    let begun = now();
    const { stdout } = await bench.wall.run([
      ...['sh', '-c', '"$0" --socket "$1" set list g0 | wc -l', BWCTL, bench.socket],
    ]);
    expect(Number(stdout)).toBe(MILLION + 1);
    tell(`bwctl set list: ${((now() - begun) / 1000).toFixed(1)} s`);
    begun = now();
    const flushed = await bwctl('set', 'flush', 'g0');
    expect(JSON.parse(flushed.stdout)).toEqual({ name: 'g0', removed: MILLION });
    tell(`bwctl set flush: ${((now() - begun) / 1000).toFixed(1)} s`);
  });
});

const ms = (time: number) => `${time.toFixed(1)} ms`;

/** Bytes of the kernel's own that it cannot give back. */
function memory(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  return Number(/SUnreclaim: +(\d+)/.exec(text)![1]) * 1024;
}
