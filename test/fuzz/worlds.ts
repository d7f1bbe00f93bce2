/**
 * The walls that the fuzzer judges with: set up by the control plane in the kernel, and written out as
 * their maps, for the host build to begin with the very same.
 */
import { BpfMap } from '../../native/lib/index.js';
import { IN_VLANS } from '../dataplane/fixtures/bound.js';
import { CAMPUS, OPEN, PICKUP } from '../dataplane/fixtures/policies.js';
import type { TestPort } from '../dataplane/harness/network.js';
import { planOf } from '../dataplane/harness/plans.js';
import { index, TestWall } from '../dataplane/harness/wall.js';

/** A wall as it is before every input. */
export interface World {
  readonly wall: TestWall;
  /** What fixtures it is for. */
  readonly policy: string;
  /** By map, what it holds, but for zeros of arrays; keys and values in hexadecimal. */
  readonly initial: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** Few enough to be read after every input, and more than one can fill. */
const SIZES = {
  ...{ pending: 1024, established: 1024, fdb: 1024, fragments: 1024 },
  ...{ offenders: 1024, proofs: 1024 },
};
/** Short of patience, for inputs are short. */
const ON_DROP = `onDrop:
    - {deny: badguys, after: 2/10s, ttl: 1m, except: admins}
    - {deny: badguys, after: 3/5s, ttl: 1m, spoofable: true, reasons: [no-state, no-in, bad-phase]}`;
/** Kinds of map, by the kernel's number (enum bpf_map_type). */
const HASH = 1;
const ARRAY = 2;
const PERCPU_ARRAY = 6;
const LRU_HASH = 9;
const ARRAY_OF_MAPS = 12;
/** What they are to the host build: enum map_kind of host/maps.h. */
const KINDS = new Map([
  [HASH, 1],
  [LRU_HASH, 1],
  [ARRAY, 2],
  [PERCPU_ARRAY, 2],
  [ARRAY_OF_MAPS, 3],
]);
const OTHER = 4;
const NAME_LENGTH = 32;
/** Bytes: what has larger values is for batches of the control plane, and no packet looks at it. */
const MOST_VALUE = 8192;

export function makeWorlds(ports: readonly TestPort[]): World[] {
  return [campus(ports), cramped(ports), inserted(ports), onTrial(ports), bound(ports)];
}

/** The wall of most fixtures; its bridge speaks the spanning tree protocol. */
function campus(ports: readonly TestPort[]): World {
  const wall = new TestWall(ports, { sizes: SIZES });
  wall.setNode({ bpdu: 'kernel', logRate: 2 });
  wall.install(planOf(`${CAMPUS}  ${ON_DROP}\n`));
  wall.setMember('badguys', '203.0.113.66', {});
  wall.setMember('badguys', '2001:db8:ff::66', { expires: 5 });
  return world(wall, CAMPUS);
}

/** Liberal, and short of everything: states, MACs, MTU, and facts about its ports. */
function cramped(ports: readonly TestPort[]): World {
  const wall = new TestWall(ports, { sizes: { ...SIZES, established: 3 } });
  wall.setNode({ liberal: true, fdbQuota: 2, lldp: 'forward' });
  wall.install(planOf(OPEN));
  wall.setPort('dn1', { mtu: 500 });
  wall.setPort('up1', { state: 'learning' });
  wall.believeUntil(60);
  return world(wall, OPEN);
}

/** Under a policy that gives way to another after a while. */
function onTrial(ports: readonly TestPort[]): World {
  const wall = new TestWall(ports, { sizes: SIZES });
  wall.setNode({ bpdu: 'drop' });
  wall.install(planOf(CAMPUS.replace('drops: none', 'drops: all')));
  wall.installOnTrial(planOf(OPEN), 5);
  return world(wall, '');
}

/** Put into a network that lives. */
function inserted(ports: readonly TestPort[]): World {
  const wall = new TestWall(ports, { sizes: SIZES });
  wall.setNode({});
  wall.install(planOf(PICKUP));
  return world(wall, PICKUP);
}

/** Hosts that speak from one place each. */
function bound(ports: readonly TestPort[]): World {
  const wall = new TestWall(ports, { sizes: SIZES });
  wall.setNode({});
  wall.install(planOf(IN_VLANS));
  return world(wall, IN_VLANS);
}

function world(wall: TestWall, policy: string): World {
  const held = namesOf(wall).map((name) => {
    const map = wall.map(name);
    const { keySize } = map.info;
    const elements = [...elementsOf(map)].map((bytes): [string, string] => [
      bytes.toString('hex', 0, keySize),
      bytes.toString('hex', keySize),
    ]);
    return [name, new Map(elements)] as const;
  });
  return { wall, policy, initial: new Map(held) };
}

function namesOf({ object }: TestWall): string[] {
  const maps = object.maps().filter((name) => !name.startsWith('.'));
  return maps.filter((name) => object.map(name).info.valueSize <= MOST_VALUE);
}

/** The file that the host build reads: see host/world.c. */
export function snapshot(worlds: readonly World[], hz: number): Buffer {
  const head = Buffer.alloc(16);
  head.write('BWWORLD1');
  head.writeUInt32LE(hz, 8);
  head.writeUInt32LE(worlds.length, 12);
  return Buffer.concat([head, ...worlds.flatMap(({ wall }) => worldBytes(wall))]);
}

function worldBytes(wall: TestWall): Buffer[] {
  const maps = namesOf(wall).flatMap((name) => {
    const map = wall.map(name);
    const outer = mapBytes(name, -1, map);
    return map.info.type === ARRAY_OF_MAPS ? [outer, ...innerMaps(name, map)] : [outer];
  });
  return [index(maps.length), ...maps];
}

function innerMaps(name: string, outer: BpfMap): Buffer[] {
  const { maxEntries } = outer.info;
  return Array.from({ length: maxEntries }, (_, at) => at).flatMap((at) => {
    const id = outer.lookup(index(at));
    if (id === undefined) return [];
    using inner = BpfMap.byId(id.readUInt32LE(0));
    return [mapBytes(name, at, inner)];
  });
}

function mapBytes(name: string, at: number, map: BpfMap): Buffer {
  const { type, keySize, valueSize, maxEntries } = map.info;
  const head = Buffer.alloc(NAME_LENGTH + 24);
  const elements = [...elementsOf(map)];
  head.write(name.slice(0, NAME_LENGTH - 1));
  head.writeUInt32LE(KINDS.get(type) ?? OTHER, NAME_LENGTH);
  head.writeInt32LE(at, NAME_LENGTH + 4);
  head.writeUInt32LE(keySize, NAME_LENGTH + 8);
  head.writeUInt32LE(valueSize, NAME_LENGTH + 12);
  head.writeUInt32LE(maxEntries, NAME_LENGTH + 16);
  head.writeUInt32LE(elements.length, NAME_LENGTH + 20);
  return Buffer.concat([head, ...elements]);
}

/** What a map holds, but for zeros of arrays. */
function* elementsOf(map: BpfMap): Generator<Buffer> {
  const { type, keySize, valueSize } = map.info;
  if (![HASH, ARRAY, LRU_HASH].includes(type)) return;
  for (const { keys, values, count } of map.entries()) {
    for (let at = 0; at < count; at++) {
      const value = values.subarray(at * valueSize, (at + 1) * valueSize);
      if (type === ARRAY && value.every((byte) => byte === 0)) continue;
      yield Buffer.concat([keys.subarray(at * keySize, (at + 1) * keySize), value]);
    }
  }
}
