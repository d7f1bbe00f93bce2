/** After a takeover: one frame for every MAC and tag, out of the side from which it is behind this node. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ANNOUNCEMENT_BYTES, announce, MOST_MOVED } from '../../native/lib/index.js';
import { Neighbours } from '../../src/control/daemon/neighbours.js';
import {
  ADDRESS_BYTES,
  announcements,
  packAddresses,
} from '../../src/control/dataplane/announcements.js';
import type { NumberedPort } from '../../src/control/dataplane/index.js';
import * as layouts from '../../src/generated/layouts.js';
import { Prober } from '../../src/sync/probes/index.js';
import { macBytes } from '../packet/index.js';
import { command, layCables, type TestPort } from './harness/network.js';
import { TestWall } from './harness/wall.js';

const MACS = 4096;
const VLANS = 8;

let ports: TestPort[];
let wall: TestWall;
const numbered = (): NumberedPort[] =>
  ports.map((port, number) => ({ ...port, number, driver: 'veth' }));
const received = (wire: string): number => {
  const [link] = JSON.parse(command('ip', '-j', '-s', 'link', 'show', wire)) as [
    { stats64: { rx: { packets: number } } },
  ];
  return link.stats64.rx.packets;
};

beforeAll(() => {
  ports = layCables();
  wall = new TestWall(ports);
});
afterAll(() => wall?.close());

/** Of many hosts, in every VLAN, on one side; packed as another node tells of them. */
function crowd(side: number): Buffer {
  const packed = Buffer.alloc(MACS * VLANS * ADDRESS_BYTES);
  for (let i = 0; i < MACS * VLANS; i++) {
    const at = i * ADDRESS_BYTES;
    packed.writeUIntBE(0x020000000000 + Math.floor(i / VLANS), at, 6);
    packed.writeUInt16BE(i % VLANS === 0 ? 0 : 100 + (i % VLANS), at + 6);
    packed[at + 10] = side;
  }
  return packed;
}

/** Teaches the wall one MAC. */
function learn(mac: string, tag: number, port: number, age = 0): void {
  const key = layouts.fdbKey.encode({ mac: macBytes(mac), tag: [tag, 0], pad: new Uint8Array(2) });
  const seen = wall.dataplane.clock.now() - wall.dataplane.clock.jiffies(age);
  wall.map('fdb').update(key, layouts.fdbEntry.encode({ seen, port, pad: 0 }));
}

it('tells of what was learned and not forgotten, by the ports of the other side, and of each once', () => {
  wall.reset();
  learn('02:00:00:00:00:01', 0, 0);
  learn('02:00:00:00:00:02', 5 | layouts.TagBits.SERVICE, 2);
  learn('02:00:00:00:00:03', 0, 1, 86_400);
  const own = packAddresses(wall.dataplane, numbered());
  expect(own).toHaveLength(2 * ADDRESS_BYTES);
  const { records, count } = announcements(wall.dataplane, numbered(), own);
  const shown = Array.from({ length: count }, (_, i) => {
    const record = records.subarray(i * ANNOUNCEMENT_BYTES, (i + 1) * ANNOUNCEMENT_BYTES);
    const out = ports.find(({ ifindex }) => ifindex === record.readUInt32LE(0))!.name;
    const [tpid, vid] = [record.readUInt16LE(10), record.readUInt16LE(14)];
    return `${out} ${record[9]} ${tpid.toString(16)} ${vid}`;
  });
  expect(shown.sort()).toEqual(['dn0 1 0 0', 'dn1 1 0 0', 'up0 2 88a8 5', 'up1 2 88a8 5']);
});

it(`sends all of ${MACS} MACs in ${VLANS} VLANs, and only where they belong`, async () => {
  wall.reset();
  const sides = numbered().filter(({ name }) => name === 'up0' || name === 'dn0');
  const before = ports.map(({ wire }) => received(wire));
  const { records, count } = announcements(wall.dataplane, sides, crowd(layouts.Side.UPLINK));
  expect(count).toBe(MACS * VLANS);
  const { sent, failed, ms } = await announce(records, count, 100_000);
  process.stdout.write(`  ${sent} frames told of ${MACS} MACs in ${Math.round(ms)} ms\n`);
  expect({ sent, failed }).toEqual({ sent: MACS * VLANS, failed: 0 });
  const got = () => ports.map(({ wire }, i) => received(wire) - before[i]!);
  await expect.poll(() => got()[2], { timeout: 5000 }).toBeGreaterThanOrEqual(MACS * VLANS);
  expect(got()[0]).toBeLessThan(100);
});

/** Neighbours of a node with one port a side, and the prober that tells them first. */
function herald(): { prober: Prober; neighbours: Neighbours } {
  wall.reset();
  const sides = numbered().filter(({ name }) => name === 'up0' || name === 'dn0');
  const prober = new Prober({
    ...{ dataplane: wall, node: 'fw1', peer: 'fw2', priority: 100, ports: [], link: null },
    onChange: () => {},
  });
  const neighbours = new Neighbours(wall.dataplane, () => sides, {
    setMoved: ({ records, count }) => prober.setMoved(records, count),
    movedLeft: () => prober.snapshot.movedLeft,
  });
  return { prober, neighbours };
}

it('sends the first with the probe that tells of the takeover, the others behind, and none twice', async () => {
  const { prober, neighbours } = herald();
  try {
    neighbours.know(crowd(layouts.Side.UPLINK));
    const before = ports.map(({ wire }) => received(wire));
    const got = () => ports.map(({ wire }, i) => received(wire) - before[i]!);
    prober.kick(false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(got()[2]).toBeLessThan(100);
    prober.kick(true);
    await expect.poll(() => got()[2], { timeout: 5000 }).toBeGreaterThanOrEqual(MOST_MOVED);
    expect(got()[2]).toBeLessThan(MOST_MOVED + 100);
    const { frames, failed } = await neighbours.tell();
    expect({ frames, failed }).toEqual({ frames: MACS * VLANS, failed: 0 });
    expect(prober.snapshot.movedLeft).toBe(true);
    await expect.poll(() => got()[2], { timeout: 5000 }).toBeGreaterThanOrEqual(MACS * VLANS);
    expect(got()[2]).toBeLessThan(MACS * VLANS + 100);
    expect(got()[0]).toBeLessThan(100);
  } finally {
    prober.close();
  }
});

it('sends those again that could not leave with the probe, and counts what cannot at all', async () => {
  const { prober, neighbours } = herald();
  const out = ports[2]!;
  try {
    neighbours.know(crowd(layouts.Side.UPLINK));
    command('ip', 'link', 'set', out.name, 'down');
    prober.kick(true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(prober.snapshot.movedLeft).toBe(false);
    const { addresses, frames, failed } = await neighbours.tell();
    expect({ addresses, frames, failed }).toEqual({
      ...{ addresses: MACS * VLANS, frames: 0, failed: MACS * VLANS },
    });
    // What the other node knew then is too old for the next time.
    expect(await neighbours.tell()).toMatchObject({ addresses: 0, frames: 0, failed: 0 });
    command('ip', 'link', 'set', out.name, 'up');
    neighbours.know(crowd(layouts.Side.UPLINK));
    const before = received(out.wire);
    expect(await neighbours.tell()).toMatchObject({ frames: MACS * VLANS, failed: 0 });
    await expect
      .poll(() => received(out.wire) - before, { timeout: 5000 })
      .toBeGreaterThanOrEqual(MACS * VLANS);
  } finally {
    command('ip', 'link', 'set', out.name, 'up');
    prober.close();
  }
});
