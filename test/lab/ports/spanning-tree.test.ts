/** `stp: kernel`: the seed's pair of walls in parallel. One path forwards, and the other takes over. */
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Namespace } from '../../../src/lab/netns.js';
import type { AttachMode } from '../../../src/lab/wall.js';
import { received } from '../daemon/bench.js';
import { BOXES, type Box, Pair, SERVER } from './pair.js';

/** Past the two seconds of the mirror's lease. */
const LAPSE_MS = 2500;
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

interface Status {
  readonly counters: { readonly dropped: Readonly<Record<string, number>> };
}

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
  // It ends when the kernel has given up asking: no request is under way while we count.
  await pair.client.run(['ping', '-q', '-c', '1', '-W', '10', NOBODY]);
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

async function worksThrough(box: Box): Promise<void> {
  await expect.poll(() => pair.paths(), CONVERGES).toEqual([box]);
  await expect.poll(() => connects(), CONVERGES).toBe(true);
  expect(await pings()).toBe(3);
  await oneCopyOfEach();
}

const other = (box: Box): Box => (box === 'fw1' ? 'fw2' : 'fw1');

describe('two walls in parallel', () => {
  it('change over when a link goes, and back, in tc', { timeout: 150_000 }, async () => {
    const active = await stand('tc');
    await worksThrough(active);
    pair.upper.ip('link', 'set', active, 'down');
    await worksThrough(other(active));
    const ports = await pair.walls[active].json<{ name: string; stp: string }[]>('ports');
    expect(ports.map(({ stp }) => stp)).toEqual(['disabled', 'forwarding']);
    pair.upper.ip('link', 'set', active, 'up');
    await worksThrough(active);
    const counts = ({ counters }: Status) => counters.dropped;
    for (const box of BOXES) {
      expect(Object.keys(counts(await pair.walls[box].json('status')))).not.toContain('reserved');
    }
  });

  it('change over when a box dies, but not for its daemon, in XDP', {
    timeout: 150_000,
  }, async () => {
    const active = await stand('xdp');
    await worksThrough(active);
    await pair.walls[active].kill();
    await setTimeout(LAPSE_MS);
    await worksThrough(active);
    // Its links stay up, and nothing comes out of them any more.
    for (const neighbour of [pair.upper, pair.lower]) {
      neighbour.exec('tc', 'qdisc', 'add', 'dev', active, 'clsact');
      for (const way of ['ingress', 'egress']) {
        const filter = ['filter', 'add', 'dev', active, way, 'bpf', 'da'];
        neighbour.exec('tc', ...filter, 'bytecode', '1,6 0 0 2');
      }
    }
    const alive = other(active);
    const forwards = () => Object.values(pair.states(alive)).join();
    await expect.poll(forwards, CONVERGES).toBe('forwarding,forwarding');
    await expect.poll(() => connects(), CONVERGES).toBe(true);
    expect(await pings()).toBe(3);
    await oneCopyOfEach();
  });
});
