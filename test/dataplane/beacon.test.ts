/** The datagrams of a prober: whose are believed, how many at once, and what no more of them mean. */
import { execFileSync, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as layouts from '../../src/generated/layouts.js';
import { nodeNumber, Prober } from '../../src/sync/probes/index.js';
import { LOST_MS } from '../../src/sync/roles/index.js';
import { layCables } from './harness/network.js';
import { KEY, probeFrame } from './harness/probes.js';
import { TestWall } from './harness/wall.js';

const [OWN, PEER, STRANGER] = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const;
/** More than are taken in one turn. */
const MANY = 200;

let wall: TestWall;
let prober: Prober;
let localPort: number;
const sockets = new Map<string, Socket>();
let counter = 1000n;

async function bound(address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

/** What the other node would say, from that address. */
async function say(from: string, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { PROBE_SYNC } = layouts.ProbeWire;
    const said = { path: PROBE_SYNC, node: nodeNumber('fw2'), counter: ++counter };
    const datagram = probeFrame(said).subarray(14);
    await new Promise((done) => sockets.get(from)!.send(datagram, localPort, OWN, done));
  }
}

const heard = () => {
  const { said } = prober.snapshot;
  return said.length === 0 ? 0n : layouts.probe.decode(Buffer.from(said)).counter;
};

beforeAll(async () => {
  wall = new TestWall(layCables());
  for (const address of [PEER, STRANGER]) sockets.set(address, await bound(address));
  const free = await bound(OWN);
  localPort = free.address().port;
  free.close();
  await once(free, 'close');
  const remotePort = sockets.get(PEER)!.address().port;
  prober = new Prober({
    ...{ dataplane: wall, node: 'fw1', peer: 'fw2', priority: 100, ports: [] },
    link: { localAddress: OWN, localPort, remoteAddress: PEER, remotePort },
    onChange: () => {},
  });
  prober.setKeys({ slots: [KEY, null], sign: 0 });
});
afterAll(() => {
  prober?.close();
  for (const socket of sockets.values()) socket.close();
  wall?.close();
});

it('are believed from the address of the other node alone', async () => {
  await say(PEER);
  await expect.poll(heard).toBe(counter);
  const known = counter;
  const { refused } = prober.snapshot;
  await say(STRANGER, 3);
  await expect.poll(() => prober.snapshot.refused).toBe(refused + 3);
  expect(heard()).toBe(known);
  await say(PEER);
  await expect.poll(heard).toBe(counter);
});

it('are all taken in, however many come at once', async () => {
  const { refused } = prober.snapshot;
  await say(STRANGER, MANY);
  await expect.poll(() => prober.snapshot.refused).toBe(refused + MANY);
  await say(PEER);
  await expect.poll(heard).toBe(counter);
});

const OWN_THREADS = '/proc/self/task';
const everywhere = () => `0-${availableParallelism() - 1}`;
const pin = (thread: string, cpus: string) =>
  execFileSync('taskset', ['-pc', cpus, thread], { stdio: 'ignore' });

const SPIN_MS = 400;
/** It looks at the clock itself: nothing else could end it on its processor. */
const SPIN = `import time
end = time.monotonic() + ${SPIN_MS / 1000}
while time.monotonic() < end: pass`;

/** Meanwhile another program has that processor, before everything else. */
async function occupied(cpu: number, work: () => Promise<void>): Promise<void> {
  // Should it go on for longer all the same, the kernel kills it.
  const most = `--rttime=${4000 * SPIN_MS}`;
  const first = ['prlimit', most, 'chrt', '-f', '50', 'python3', '-c', SPIN];
  const spinning = once(spawn('taskset', ['-c', String(cpu), ...first]), 'exit');
  await work();
  expect((await spinning)[0]).toBe(0);
}

it('are not missed by one that is itself not run, whoever looks meanwhile', async ({ skip }) => {
  if (availableParallelism() < 2) return skip('looking takes a second processor');
  const beacon = readdirSync(OWN_THREADS).find(
    (id) => readFileSync(`${OWN_THREADS}/${id}/comm`, 'utf8').trim() === 'beacon',
  )!;
  const own = basename(readlinkSync('/proc/thread-self'));
  pin(own, '0');
  pin(beacon, '1');
  try {
    // By its own last look: what it said of the other node to the main thread, however often that looked.
    const silence = new Map<bigint, number[]>();
    let asleep = 0;
    await occupied(1, async () => {
      for (let look = 0; look < 200; look++) {
        const { looked, now } = prober.snapshot;
        const { silentFor } = prober.view().paths.sync;
        if (prober.snapshot.looked === looked) {
          silence.set(looked, [...(silence.get(looked) ?? []), silentFor]);
          asleep = Math.max(asleep, Number(now - looked) / 1e6);
        }
        await pause(2);
      }
    });
    expect(asleep).toBeGreaterThan(2 * LOST_MS);
    for (const each of silence.values()) expect(new Set(each).size).toBe(1);
  } finally {
    pin(own, everywhere());
    pin(beacon, everywhere());
  }
});
