/**
 * Dynamic groups at size: a million members each, loaded by bwctl; then one more is added and removed
 * again, also while another list is on its way, and the far side tells when it noticed. Times are told, not
 * asserted. SETS_GROUPS loads more groups (32 are the most; docs/benchmarks.md).
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../../src/lab/root.js';
import { Bench, CLIENT, macOf, policy, SERVER } from './bench.js';
import { NumberedPauses, NumberedSender } from './numbered.js';

const MILLION = 1_000_000;
const GROUPS = Math.max(2, Number(process.env.SETS_GROUPS ?? 2));
/** Members of every group but the first. */
const OTHERS = process.env.SETS_GROUPS === undefined ? 200_000 : MILLION;
const sizeOf = (group: number) => (group === 0 ? MILLION : OTHERS);
const TOTAL = MILLION + (GROUPS - 1) * OTHERS;
const [TCP, UDP] = [7000, 7001];
/** How often a member comes and goes, and how long it stays so. */
const [CHANGES, PAUSE_MS] = [10, 100];
const BWCTL = join(ROOT, 'bin/bwctl');

const groupsText = Array.from(
  { length: GROUPS },
  (_, i) => `  g${i}: {dynamic: true, max: ${MILLION + 10}}`,
).join('\n');
const TEXT = policy([TCP])
  .replace('  badguys: {dynamic: true, max: 3}', groupsText)
  .replace('      ping: local', `      ping: local\n      ${UDP}-${UDP + 1}/udp: local`)
  .replace(
    '  - {from: badguys}',
    Array.from({ length: GROUPS }, (_, i) => `  - {from: g${i}}`).join('\n'),
  );

const now = () => Number(process.hrtime.bigint()) / 1e6;
const tell = (text: string) => process.stdout.write(`  ${text}\n`);

/** A connection that lasts, and when it last heard an answer. */
class Live {
  echoed = 0;
  readonly #child;

  constructor(bench: Bench) {
    const code = `const now = () => Number(process.hrtime.bigint()) / 1e6;
      const live = require('net').connect(${TCP}, '${SERVER.v4}', () => setInterval(() => live.write('x'), 5));
      live.on('data', () => console.log(now())).on('error', () => {});`;
    this.#child = bench.client.spawn([process.execPath, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.echoed = Number(line);
    });
  }

  close(): void {
    this.#child.kill();
  }
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

  beforeAll(async () => {
    bench = new Bench();
    await bench.start();
    await bench.apply(TEXT);
    await bench.serve(TCP);
  });
  afterAll(() => bench.close());

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

  /**
   * Puts the client into a group and out again while it opens a connection every 0.4 ms, and tells how long
   * after each call the last one got through, or the first one.
   */
  async function comeAndGo(port: number, when: string): Promise<void> {
    const macs = { from: macOf(bench.client), to: macOf(bench.server) };
    const flow = { from: CLIENT.v4, to: SERVER.v4, port, fresh: true };
    const listener = await NumberedPauses.start(bench.server, port, PAUSE_MS * 500);
    const sender = await NumberedSender.start(bench.client, macs, 400, [flow]);
    const [added, removed]: [number[], number[]] = [[], []];
    for (let i = 0; i < CHANGES; i++) {
      await setTimeout(PAUSE_MS);
      added.push(now());
      expect(await bench.api.setAdd('g0', [CLIENT.v4], null)).toBe(1);
      await setTimeout(PAUSE_MS);
      removed.push(now());
      expect(await bench.api.setDelete('g0', [CLIENT.v4])).toBe(1);
    }
    await setTimeout(PAUSE_MS);
    await sender.stop();
    const pauses = await listener.stop();
    // A busy machine makes pauses of its own.
    const ours = removed.map((at) => pauses.find(({ from, until }) => from < at && until >= at)!);
    expect(ours).not.toContain(undefined);
    const closed = ours.map(({ from }, i) => from - added[i]!);
    const opened = ours.map(({ until }, i) => until - removed[i]!);
    tell(`${when}, after an add the last new connection: ${spread(closed)}`);
    tell(`${when}, after a removal the first new connection: ${spread(opened)}`);
  }

  it('are heeded by new connections at once', () => comeAndGo(UDP, 'at rest'));

  it('do not hold up one that comes or goes while a list is on its way', async () => {
    let done = false;
    const loading = (async () => {
      for (;;) {
        const { added, removed, members } = await load(1, '--replace', '--ttl', '1h');
        expect([added, removed, members]).toEqual([0, 0, OTHERS]);
        if (done) return;
      }
    })();
    await comeAndGo(UDP + 1, 'while a list is loaded');

    const live = new Live(bench);
    await expect.poll(() => live.echoed, { timeout: 20_000 }).toBeGreaterThan(0);
    const added = now();
    expect(await bench.api.setAdd('g0', [CLIENT.v4], null)).toBe(1);
    await setTimeout(2500);
    const { echoed } = live;
    tell(`the live connection of a new member was last heard ${ms(echoed - added)} after`);
    expect(await bench.api.setDelete('g0', [CLIENT.v4])).toBe(1);
    await setTimeout(500);
    // It was heard until then, and not afterwards: the wall has ended it.
    expect(live.echoed).toBe(echoed);
    live.close();
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

function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  return `${ms(sorted[sorted.length >> 1]!)} in the median, ${ms(sorted.at(-1)!)} at most`;
}

/** Bytes of the kernel's own that it cannot give back. */
function memory(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  return Number(/SUnreclaim: +(\d+)/.exec(text)![1]) * 1024;
}
