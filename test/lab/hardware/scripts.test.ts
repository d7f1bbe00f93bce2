/** What docs/on-real-hardware.md tells to run, run through a wall: that it works and counts right, not how fast. */
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Namespace } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';
import { built } from '../../dataplane/harness/native.js';
import { Bench, policy, SERVER } from '../daemon/bench.js';

const EXAMPLES = join(ROOT, 'examples/real-hardware');
const PINGPONG = 7000;
const CHURN = 7001;
const IPERF = 5201;
const CLOSED = 7002;
const ROUNDS = 20;
/** Messages of a size before those that are measured. */
const WARM_UP = 10;

const compiled = (name: string, source: string) =>
  built(`build/test/${name}`, source, (output) => [
    ...['cc', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-o', output, source],
  ]);

/** The lines that a program prints, without its heading, in words. */
async function lines(space: Namespace, argv: readonly string[]): Promise<string[][]> {
  const ended = await space.run([...argv], { timeoutMs: 60_000 });
  if (ended.status !== 0) throw new Error(`${argv[0]}: ${ended.stderr}${ended.stdout}`);
  return ended.stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' '));
}

describe.each(['tc', 'xdp'] as const)(
  'the tests of real hardware, through a wall in %s',
  (attach) => {
    let bench: Bench;
    let pingpong: string;
    let churn: string;

    beforeAll(async () => {
      pingpong = compiled('pingpong', 'examples/real-hardware/pingpong.c');
      churn = compiled('churn', 'bench/native/churn.c');
      bench = new Bench(attach);
      await bench.start();
      await bench.apply(policy([PINGPONG, CHURN, IPERF]));
      const iperf = bench.server.spawn(['iperf3', '-s', '--forceflush'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const others = [
        [pingpong, 'serve', String(PINGPONG)],
        [churn, 'serve', String(CHURN)],
      ].map((argv) => bench.server.spawn(argv, { stdio: ['ignore', 'pipe', 'inherit'] }));
      for (const child of [iperf, ...others]) await once(child.stdout!, 'data');
    }, 120_000);
    afterAll(() => bench.close());

    const ruleOf = async (port: number) => {
      const { rules } = await bench.api.counters({ rules: true });
      return rules.find(({ rule }) => rule.service === `${port}/tcp`)!;
    };

    it('a ping-pong makes every round of every size, all by one connection of its rule', async () => {
      const sizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
      const args = ['ask', SERVER.v4, String(PINGPONG), String(ROUNDS), '64'];
      const rows = await lines(bench.client, [pingpong, ...args]);
      expect(rows.map(([size, rounds]) => [Number(size), Number(rounds)])).toEqual(
        sizes.map((size) => [size, ROUNDS]),
      );
      const { packets, connections } = await ruleOf(PINGPONG);
      expect(connections).toBe(1);
      // There and back.
      expect(packets).toBeGreaterThanOrEqual(sizes.length * (ROUNDS + WARM_UP) * 2);
    });

    it('a ping-pong speaks IPv6 as well, and ends where the largest message does', async () => {
      const args = ['ask', SERVER.v6, String(PINGPONG), '3', '3'];
      const rows = await lines(bench.client, [pingpong, ...args]);
      expect(rows.map(([size]) => Number(size))).toEqual([1, 2, 3]);
    });

    it('throughput.sh measures there, back and both ways, by one stream and by many', async () => {
      const script = join(EXAMPLES, 'throughput.sh');
      const rows = await lines(bench.client, [script, SERVER.v4, '1', '3']);
      const directions = ['there', 'back', 'both-there', 'both-back'];
      expect(rows.map(([direction, streams]) => [direction, Number(streams)])).toEqual(
        [1, 3].flatMap((streams) => directions.map((direction) => [direction, streams])),
      );
      for (const [, , received] of rows) expect(Number(received)).toBeGreaterThan(0);
      for (const [, , , again] of rows) expect(again).toMatch(/^\d+$/);
      // Six runs: streams in both directions are twice as many, and each run has a connection to steer it.
      expect((await ruleOf(IPERF)).connections).toBe(1 + 1 + 2 + 3 + 3 + 6 + 6);
    }, 60_000);

    it('rate.sh counts the connections that the wall counts', async () => {
      const script = join(EXAMPLES, 'rate.sh');
      const rows = await lines(bench.client, [
        script,
        churn,
        SERVER.v4,
        String(CHURN),
        '1',
        '1',
        '8',
      ]);
      expect(rows.map(([together]) => Number(together))).toEqual([1, 8]);
      let done = 0;
      for (const [, perSecond, ended, failed] of rows) {
        expect(Number(perSecond)).toBeGreaterThan(0);
        expect(Number(failed)).toBe(0);
        done += Number(ended);
      }
      expect((await ruleOf(CHURN)).connections).toBe(done);
    });

    it('losses.sh tells what the wall dropped meanwhile and why, and how the command ended', async () => {
      const script = join(EXAMPLES, 'losses.sh');
      const [begun, over] = ['begun', 'over'].map((name) => join(bench.lab.directory, name));
      const probing = `: >${begun}; until [ -e ${over} ]; do sleep 0.1; done; exit 3`;
      const watching = bench.wall.run(
        ['env', `BWCTL_SOCKET=${bench.socket}`, script, 'up0,dn0', 'sh', '-c', probing],
        { timeoutMs: 60_000 },
      );
      const before = (await bench.api.counters()).total.dropped['no-in'] ?? 0;
      while (!existsSync(begun!)) await pause(50);
      expect(await bench.connects(CLOSED)).toBe(false);
      writeFileSync(over!, '');
      const ended = await watching;
      const dropped = (await bench.api.counters()).total.dropped['no-in']! - before;
      expect(ended.stderr).toBe('');
      expect(ended.status).toBe(3);
      expect(dropped).toBeGreaterThan(0);
      expect(ended.stdout.split('\n')).toContain(`wall no-in ${dropped}`);
    }, 60_000);
  },
);
