/** `stp: kernel`: the seed's pair of walls in parallel. One path forwards, and the other takes over. */
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Namespace } from '../../../src/lab/netns.js';
import type { AttachMode } from '../../../src/lab/wall.js';
import { received } from '../daemon/bench.js';
import { type Box, Pair, SERVER } from './pair.js';

/** Listening and learning take two seconds each, the silence of a neighbour counts after six. */
const CONVERGES = { timeout: 40_000, interval: 200 };

const POLICY = `apiVersion: bridgewall/v1
groups:
  local: [10.8.0.0/24]
hosts:
  server:
    addresses: [${SERVER}]
    in: {ping: local, 80/tcp: local}
`;

let pair: Pair;

afterEach(() => pair.close());

async function stand(attach: AttachMode): Promise<Box> {
  pair = new Pair(attach);
  const code = `require('net').createServer((s) => s.on('error', () => {}).pipe(s))
    .listen(80, () => console.log('ready'));`;
  const serving = pair.server.spawn([process.execPath, '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => serving.stdout!.once('data', resolve));
  await pair.start(POLICY);
  await expect.poll(() => pair.paths().length, CONVERGES).toBe(1);
  return pair.paths()[0]!;
}

async function pings(count = 3): Promise<number> {
  const args = ['ping', '-q', '-c', String(count), '-i', '0.2', '-W', '1', SERVER];
  return received((await pair.client.run(args)).stdout);
}

async function connects(): Promise<boolean> {
  const code = `const s = require('net').connect(80, '${SERVER}', () => s.write('x'));
    s.setTimeout(3000, () => process.exit(1)).on('data', () => process.exit(0))
      .on('error', () => process.exit(2));`;
  return (await pair.client.run([process.execPath, '-e', code])).status === 0;
}

/** Somebody who is not there is asked for: by broadcast, as often as it takes to give up. */
const NOBODY = '10.8.0.77';

/** How many of the client's broadcasts there were, and how many came out at the server. */
async function broadcasts(): Promise<{ sent: number; heard: number }> {
  const match = `arp daddr ip ${NOBODY} counter`;
  const [sending, hearing] = [
    `table arp count { chain out { type filter hook output priority 0; ${match}; }; }`,
    `table netdev count { chain in { type filter hook ingress device e0 priority 0; ${match}; }; }`,
  ];
  for (const [host, table] of [[pair.client, sending] as const, [pair.server, hearing] as const]) {
    host.exec('nft', 'flush ruleset');
    host.exec('nft', table);
  }
  pair.client.ip('neigh', 'flush', 'all');
  await pair.client.run(['ping', '-q', '-c', '1', '-W', '2', NOBODY]);
  const count = (host: Namespace) =>
    Number(/counter packets (\d+)/.exec(host.exec('nft', 'list', 'ruleset'))![1]);
  return { sent: count(pair.client), heard: count(pair.server) };
}

/** None is lost, and none runs in a circle. */
async function oneCopyOfEach(): Promise<void> {
  const { sent, heard } = await broadcasts();
  expect(sent).toBeGreaterThan(0);
  expect(heard).toBe(sent);
}

describe.each<AttachMode>(['tc', 'xdp'])('two walls in parallel, in %s', (attach) => {
  it('have one path, and another when its link or its box is gone', {
    timeout: 150_000,
  }, async () => {
    const active = await stand(attach);
    const idle: Box = active === 'fw1' ? 'fw2' : 'fw1';
    await expect.poll(() => pings(), CONVERGES).toBe(3);
    expect(await connects()).toBe(true);
    await oneCopyOfEach();

    // A link of the active wall goes down: the other one takes over.
    pair.upper.ip('link', 'set', active, 'down');
    await expect.poll(() => pair.paths(), CONVERGES).toEqual([idle]);
    await expect.poll(() => connects(), CONVERGES).toBe(true);
    expect(await pings()).toBe(3);
    await oneCopyOfEach();

    pair.upper.ip('link', 'set', active, 'up');
    await expect.poll(() => pair.paths(), CONVERGES).toEqual([active]);
    await expect.poll(() => connects(), CONVERGES).toBe(true);

    // Its box dies: the links stay up, and nobody is behind them.
    await pair.walls[active].kill();
    await setTimeout(2500);
    expect(pair.paths()).toEqual([active]);
    expect(await pings()).toBe(3);
    expect(await connects()).toBe(true);
    await oneCopyOfEach();
  });
});
