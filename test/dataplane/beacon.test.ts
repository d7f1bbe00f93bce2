/** The datagrams of a prober: whose are believed, and how many at once. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as layouts from '../../src/generated/layouts.js';
import { nodeNumber, Prober } from '../../src/sync/probes/index.js';
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
