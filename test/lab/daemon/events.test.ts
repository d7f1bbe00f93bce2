/** What happens to a node, as an operator sees it who has `bwctl watch events` open. */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { NodeEvent } from '../../../src/control/events.js';
import { endChild } from '../../../src/lab/netns.js';
import { bwctl, start } from '../api/bwctl.js';
import { Bench, CLIENT, LiveConnection, macOf, policy, SERVER } from './bench.js';
import { NumberedSender } from './numbered.js';
import { answers, echo } from './udp.js';

/** A pass that nobody waits for keeps to a hundredth of the time: on a busy machine the next one is far away. */
const WITHIN_MS = 60_000;
const ROOM = 4;

vi.setConfig({ testTimeout: 180_000 });

let bench: Bench;
let watch: ChildProcess;
const events: NodeEvent[] = [];
const begun = new Date().toISOString();

const env = () => ({ BWCTL_SOCKET: bench.socket });

/** Resolves with the first event that has these fields. */
async function told(fields: Record<string, unknown>): Promise<NodeEvent> {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    const found = events.find((event) =>
      Object.entries(fields).every(([name, value]) => event[name] === value),
    );
    if (found !== undefined) return found;
    if (Date.now() > deadline) {
      throw new Error(`nothing like ${JSON.stringify(fields)} in ${JSON.stringify(events)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function apply(text: string, ...more: string[]): Promise<void> {
  const { code, stderr } = await bwctl(['apply', '-', ...more], env(), text);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

beforeAll(async () => {
  bench = new Bench();
  appendFileSync(bench.config, `\nstate: {max: ${ROOM}}\n`);
  await bench.serve(80);
  await echo(bench.server, 7);
  await bench.start();
  watch = start(['watch', 'events', '-o', 'json'], env());
  createInterface({ input: watch.stdout! }).on('line', (line) => events.push(JSON.parse(line)));
  await told({ event: 'daemon-started' });
});
afterAll(async () => {
  if (watch !== undefined) await endChild(watch, 2000);
  await bench.close();
});

const udp = (text: string) =>
  text.replace('      ping: local', '      ping: local\n      7/udp: local');

it('who installed what, when, and why', async () => {
  await apply(udp(policy([80])), '-m', 'ticket 4711');
  expect(await told({ event: 'applied', generation: 1 })).toMatchObject({
    user: expect.stringMatching(/./),
    uid: 0,
    why: 'ticket 4711',
    confirm: 0,
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  await apply(udp(policy([80, 443])), '--confirm', '600');
  await told({ event: 'applied', generation: 2, confirm: 600 });
  expect((await bwctl(['confirm'], env())).code).toBe(0);
  expect(await told({ event: 'confirmed', generation: 2 })).toMatchObject({ uid: 0 });
  expect((await bwctl(['rollback', '-m', 'slow'], env())).code).toBe(0);
  expect(await told({ event: 'rolled-back', generation: 3, from: 2, to: 1 })).toMatchObject({
    uid: 0,
    why: 'slow',
  });
});

it('a trial that was not confirmed in time', async () => {
  await apply(udp(policy([80, 443])), '--confirm', '1');
  expect(await told({ event: 'reverted', from: 4, to: 3 })).toMatchObject({
    generation: 5,
    user: 'bridgewalld',
    why: 'it was not confirmed',
  });
});

it('connections that a policy ends', async () => {
  const connection = new LiveConnection(bench, 80);
  expect(await connection.echoes('before')).toBe(true);
  await apply(udp(policy([])));
  await told({ event: 'state-cut', proto: 'tcp' });
});

it('connections that found no room', async () => {
  expect(await answers(bench.client, SERVER.v4, 7, ROOM + 4)).toBeLessThan(ROOM + 1);
  const full = await told({ event: 'table-full' });
  expect(full.count).toBeGreaterThan(0);
  expect(['up0', 'dn0']).toContain(full.port);
  expect((await bench.api.status()).alarms).toMatchObject([{ kind: 'table-full' }]);
  expect((await bwctl(['status'], env())).stdout).toMatch(
    /^alarm: {3}\d+ of \d+ established connections: new ones are refused, since 2/m,
  );
  expect((await bwctl(['states', 'kill', 'all'], env())).code).toBe(0);
  await told({ event: 'states-killed', uid: 0 });
  await told({ event: 'table-room', max: ROOM });
  expect((await bench.api.status()).alarms).toEqual([]);
  expect(await answers(bench.client, SERVER.v4, 7, ROOM)).toBe(ROOM);
  await told({ event: 'table-nearly-full', max: ROOM });
  expect((await bwctl(['states', 'kill', 'all'], env())).code).toBe(0);
});

it('a MAC address that moved', async () => {
  // Room that was given back is there at the next sweep.
  await expect.poll(() => bench.pings(), { timeout: WITHIN_MS }).toBe(2);
  const macs = { from: macOf(bench.server), to: macOf(bench.client) };
  const flow = { from: CLIENT.v4, to: SERVER.v4, port: 7, fresh: false };
  const sender = await NumberedSender.start(bench.client, macs, 10_000, [flow]);
  await told({ event: 'mac-moved', mac: macs.from, fromPort: 'dn0', toPort: 'up0' });
  await sender.stop();
});

it('what was put right, and who had changed it', async () => {
  bench.wall.exec('nft', 'flush', 'ruleset');
  await told({ event: 'repaired', thing: 'table', by: 'nft' });
  bench.wall.exec('tc', 'qdisc', 'delete', 'dev', 'up0', 'clsact');
  await told({ event: 'repaired', thing: 'program', port: 'up0' });
  bench.wall.ip('link', 'set', 'dn0', 'nomaster');
  await told({ event: 'repaired', port: 'dn0' });
});

it('a port whose device is gone', async () => {
  bench.wall.ip('link', 'delete', 'dn0');
  await told({ event: 'port-gone', port: 'dn0' });
});

it('each with its time, in the order in which it happened', () => {
  const times = events.map(({ ts }) => ts);
  for (const time of times) expect(new Date(time).toISOString()).toBe(time);
  expect(times.slice(1)).toEqual(times.slice(1).toSorted());
  expect(times[1]! > begun).toBe(true);
});
