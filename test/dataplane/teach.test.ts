/** MACs that the other node has learned, taught to a standby: its first frames after a takeover are not flooded. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ADDRESS_BYTES, packAddresses } from '../../src/control/dataplane/announcements.js';
import { type NumberedPort, teachAddresses } from '../../src/control/dataplane/index.js';
import * as layouts from '../../src/generated/layouts.js';
import { macBytes } from '../packet/index.js';
import { layCables, type TestPort } from './harness/network.js';
import { TestWall } from './harness/wall.js';

const { Side } = layouts;
const HOST = '02:00:00:00:00:01';

let ports: TestPort[];
let wall: TestWall;
const numbered = (): NumberedPort[] =>
  ports.map((port, number) => ({ ...port, number, driver: 'veth' }));
/** One port on each side. */
const two = () => numbered().filter(({ name }) => name === 'up0' || name === 'dn0');
const numberOf = (name: string) => numbered().find((port) => port.name === name)!.number;

beforeAll(() => {
  ports = layCables();
  wall = new TestWall(ports);
});
afterAll(() => wall?.close());
beforeEach(() => {
  wall.reset();
  wall.setStandby(true, 1, false);
});

function packed(mac: string, side: number, tag = 0): Buffer {
  const address = Buffer.alloc(ADDRESS_BYTES);
  address.set(macBytes(mac));
  address.writeUInt16BE(tag, 6);
  address[10] = side;
  return address;
}

const keyOf = (mac: string, tag = 0) =>
  layouts.fdbKey.encode({ mac: macBytes(mac), tag: [tag, 0], pad: new Uint8Array(2) });

function portOf(mac: string, tag = 0): number | null {
  const entry = wall.map('fdb').lookup(keyOf(mac, tag));
  return entry === undefined || entry === null ? null : layouts.fdbEntry.decode(entry).port;
}

const counted = (port: number) => {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(port);
  return wall.map('fdb_counts').lookup(key)!.readUInt32LE(0);
};

it('is known by its side and tags, and told on as if it had been learned', () => {
  const addresses = Buffer.concat([packed(HOST, Side.INSIDE, 5), packed(HOST, Side.UPLINK)]);
  const before = two().map(({ number }) => counted(number));
  expect(teachAddresses(wall.dataplane, two(), addresses)).toEqual({ added: 2, moved: 0 });
  expect(portOf(HOST, 5)).toBe(numberOf('dn0'));
  expect(portOf(HOST)).toBe(numberOf('up0'));
  expect(two().map(({ number }, i) => counted(number) - before[i]!)).toEqual([1, 1]);
  expect(packAddresses(wall.dataplane, numbered())).toHaveLength(2 * ADDRESS_BYTES);
  expect(teachAddresses(wall.dataplane, two(), addresses)).toEqual({ added: 0, moved: 0 });
});

it('moves with the other node, and comes back when it had aged', () => {
  teachAddresses(wall.dataplane, two(), packed(HOST, Side.INSIDE));
  const seen = 1n;
  const old = layouts.fdbEntry.encode({ seen, port: numberOf('dn0'), pad: 0 });
  wall.map('fdb').update(keyOf(HOST), old);
  const moved = teachAddresses(wall.dataplane, two(), packed(HOST, Side.UPLINK));
  expect(moved).toEqual({ added: 0, moved: 1 });
  const entry = layouts.fdbEntry.decode(wall.map('fdb').lookup(keyOf(HOST))!);
  expect(entry.port).toBe(numberOf('up0'));
  expect(entry.seen).toBeGreaterThan(seen);
});

it('is nothing to a node whose packets pass', () => {
  wall.setStandby(false, 1, false);
  const taught = teachAddresses(wall.dataplane, two(), packed(HOST, Side.INSIDE));
  expect(taught).toEqual({ added: 0, moved: 0 });
  expect(portOf(HOST)).toBeNull();
});

it('is nothing where the side has several ports, and no group address', () => {
  expect(teachAddresses(wall.dataplane, numbered(), packed(HOST, Side.INSIDE)).added).toBe(0);
  expect(
    teachAddresses(wall.dataplane, two(), packed('03:00:00:00:00:01', Side.INSIDE)).added,
  ).toBe(0);
});

it('takes more than one batch, and no more than the room of a port', () => {
  const count = 20_000;
  const many = Buffer.concat(
    Array.from({ length: count }, (_, i) => {
      const address = packed(HOST, Side.INSIDE);
      address.writeUInt32BE(i, 1);
      return address;
    }),
  );
  const { added } = teachAddresses(wall.dataplane, two(), many);
  const quota = layouts.node.decode(wall.map('node').lookup(Buffer.alloc(4))!).fdbQuota;
  expect(added).toBe(Math.min(count, quota));
});
