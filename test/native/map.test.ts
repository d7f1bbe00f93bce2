import { afterEach, describe, expect, it } from 'vitest';
import { BpfMap, cpuCount, MapFlags, type MapOptions } from '../../native/lib/index.js';
import { errorOf, wrong } from './fixtures.js';
import { u32, u64 } from './words.js';

const maps: BpfMap[] = [];

function create(o: Partial<MapOptions> = {}): BpfMap {
  const map = BpfMap.create({
    type: 'hash',
    name: 'test',
    keySize: 4,
    valueSize: 8,
    maxEntries: 64,
    ...o,
  });
  maps.push(map);
  return map;
}

/** `count` keys and values of a u32 -> u64 map: i -> 10 i, from `first`. */
function pairs(first: number, count: number): { keys: Buffer; values: Buffer } {
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  return {
    keys: Buffer.concat(numbers.map(u32)),
    values: Buffer.concat(numbers.map((n) => u64(BigInt(n) * 10n))),
  };
}

/** All entries of a u32 -> u64 map, and how many slices they came in. */
function collect(map: BpfMap, batch?: number): { entries: Map<number, bigint>; slices: number } {
  const entries = new Map<number, bigint>();
  let slices = 0;
  for (const { keys, values, count } of map.entries(batch)) {
    slices++;
    expect(keys.length).toBe(count * 4);
    for (let i = 0; i < count; i++) {
      entries.set(keys.readUInt32LE(i * 4), values.readBigUInt64LE((i * values.length) / count));
    }
  }
  return { entries, slices };
}

afterEach(() => {
  for (const map of maps.splice(0)) map.close();
});

describe('create', () => {
  it('describes what it made', () => {
    const map = create({ name: 'named', flags: MapFlags.NO_PREALLOC });
    expect(map.info).toMatchObject({
      name: 'named',
      type: 1,
      keySize: 4,
      valueSize: 8,
      maxEntries: 64,
      flags: MapFlags.NO_PREALLOC,
    });
    expect(map.info.id).toBeGreaterThan(0);
    expect(map.fd).toBeGreaterThan(2);
  });

  it('refuses what cannot be', () => {
    expect(errorOf(() => create({ type: wrong('heap') })).code).toBe('EUSAGE');
    expect(errorOf(() => create({ type: wrong('toString') })).code).toBe('EUSAGE');
    expect(errorOf(() => create({ name: '' })).code).toBe('EUSAGE');
    expect(errorOf(() => create({ keySize: -1 })).code).toBe('EUSAGE');
    expect(errorOf(() => create({ maxEntries: 1.5 })).code).toBe('EUSAGE');
    expect(errorOf(() => create({ maxEntries: 0 })).code).toBe('EINVAL');
    expect(errorOf(() => create({ type: 'array-of-maps' })).code).toBe('EUSAGE');
  });
});

describe('single elements', () => {
  it('are found, set, deleted in a hash', () => {
    const map = create();
    expect(map.lookup(u32(1))).toBeUndefined();
    map.update(u32(1), u64(5n));
    expect(map.lookup(u32(1))).toEqual(u64(5n));
    expect(map.delete(u32(1))).toBe(true);
    expect(map.delete(u32(1))).toBe(false);
  });

  it('obey the flags of an update', () => {
    const map = create();
    expect(errorOf(() => map.update(u32(1), u64(1n), 'exist')).code).toBe('ENOENT');
    map.update(u32(1), u64(1n), 'noexist');
    expect(errorOf(() => map.update(u32(1), u64(2n), 'noexist')).code).toBe('EEXIST');
    map.update(u32(1), u64(2n), 'exist');
    expect(errorOf(() => map.update(u32(1), u64(2n), wrong('never'))).code).toBe('EUSAGE');
  });

  it('find a full hash full', () => {
    const map = create({ maxEntries: 2 });
    map.update(u32(1), u64(1n));
    map.update(u32(2), u64(1n));
    expect(errorOf(() => map.update(u32(3), u64(1n))).code).toBe('E2BIG');
  });

  it('are always there in an array', () => {
    const map = create({ type: 'array', maxEntries: 2 });
    expect(map.lookup(u32(1))).toEqual(u64(0n));
    expect(map.lookup(u32(2))).toBeUndefined();
    expect(errorOf(() => map.delete(u32(1))).code).toBe('EINVAL');
    expect(errorOf(() => map.update(u32(2), u64(1n))).code).toBe('E2BIG');
  });

  it('push out old ones in an LRU hash', () => {
    const map = create({ type: 'lru-hash', maxEntries: 64 });
    for (let i = 0; i < 1000; i++) map.update(u32(i), u64(1n));
    expect(map.lookup(u32(999))).toBeDefined();
    expect(map.lookup(u32(0))).toBeUndefined();
  });

  it('hold a value for every CPU', () => {
    for (const type of ['percpu-array', 'percpu-hash', 'lru-percpu-hash'] as const) {
      const map = create({ type, valueSize: 12 });
      const value = Buffer.alloc(16 * cpuCount());
      for (let cpu = 0; cpu < cpuCount(); cpu++) value.writeUInt32LE(cpu + 1, cpu * 16);
      map.update(u32(1), value);
      expect(map.lookup(u32(1))).toEqual(value);
      expect(errorOf(() => map.update(u32(1), Buffer.alloc(12))).code).toBe('EUSAGE');
    }
  });

  it('match prefixes in a trie', () => {
    const map = create({ type: 'lpm-trie', keySize: 8, flags: MapFlags.NO_PREALLOC });
    const prefix = (length: number, ...bytes: number[]) => Buffer.from([...u32(length), ...bytes]);
    map.update(prefix(8, 10, 0, 0, 0), u64(8n));
    map.update(prefix(24, 10, 1, 2, 0), u64(24n));
    expect(map.lookup(prefix(32, 10, 1, 2, 3))).toEqual(u64(24n));
    expect(map.lookup(prefix(32, 10, 9, 2, 3))).toEqual(u64(8n));
    expect(map.lookup(prefix(32, 11, 9, 2, 3))).toBeUndefined();
    const found = [...map.entries()].reduce((sum, slice) => sum + slice.count, 0);
    expect(found).toBe(2);
  });
});

describe('wrong use', () => {
  it('is told by sizes', () => {
    const map = create();
    expect(errorOf(() => map.lookup(Buffer.alloc(3)))).toMatchObject({ code: 'EUSAGE' });
    expect(errorOf(() => map.lookup(Buffer.alloc(3))).message).toContain('expected 4');
    expect(errorOf(() => map.update(u32(1), Buffer.alloc(4))).code).toBe('EUSAGE');
    expect(errorOf(() => map.delete(Buffer.alloc(5))).code).toBe('EUSAGE');
    expect(errorOf(() => map.updateBatch(Buffer.alloc(8), Buffer.alloc(8), 2)).code).toBe('EUSAGE');
    expect(errorOf(() => map.deleteBatch(Buffer.alloc(7), 2)).code).toBe('EUSAGE');
    expect(errorOf(() => map.deleteBatch(Buffer.alloc(8), -1)).code).toBe('EUSAGE');
  });

  it('is told by types', () => {
    const map = create();
    for (const key of [undefined, null, 'abcd', 7, new Uint32Array(1), {}, [1, 2, 3, 4]]) {
      expect(errorOf(() => map.lookup(wrong(key))).code).toBe('EUSAGE');
      expect(errorOf(() => map.update(wrong(key), u64(1n))).code).toBe('EUSAGE');
      expect(errorOf(() => map.updateBatch(wrong(key), u64(1n), 1)).code).toBe('EUSAGE');
      expect(errorOf(() => map.deleteBatch(wrong(key), 1)).code).toBe('EUSAGE');
    }
    for (const batch of [0, -1, 1.5, '3', 2 ** 30]) {
      expect(errorOf(() => [...map.entries(wrong(batch))]).code).toBe('EUSAGE');
    }
    expect(errorOf(() => map.pin(wrong(7))).code).toBe('EUSAGE');
  });

  it('is told after close', () => {
    const map = create();
    map.close();
    map.close();
    const calls = [
      () => map.lookup(u32(1)),
      () => map.update(u32(1), u64(1n)),
      () => map.delete(u32(1)),
      () => map.updateBatch(u32(1), u64(1n), 1),
      () => map.deleteBatch(u32(1), 1),
      () => [...map.entries()],
      () => map.mmap(),
      () => map.storeWord(0, 1n),
      () => map.pin('/sys/fs/bpf/none'),
      () => map.fd,
    ];
    for (const call of calls) expect(errorOf(call).code).toBe('ECLOSED');
    expect(map.info.keySize).toBe(4);
  });

  it('is told when the map is of another kind', () => {
    const map = create();
    expect(errorOf(() => map.mmap()).code).toBe('EUSAGE');
    expect(errorOf(() => map.storeWord(0, 1n)).code).toBe('EUSAGE');
    expect(errorOf(() => map.updateInner(u32(1), create())).code).toBe('EUSAGE');
    const ring = create({ type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096 });
    expect(errorOf(() => ring.lookup(Buffer.alloc(0))).code).toBe('ENOTSUPP');
    expect(errorOf(() => [...ring.entries()]).code).toMatch(/^E/);
  });
});

describe('batches', () => {
  it('set, find and delete many', () => {
    const map = create({ maxEntries: 1000 });
    const { keys, values } = pairs(0, 500);
    map.updateBatch(keys, values, 500);
    const { entries } = collect(map);
    expect(entries.size).toBe(500);
    expect(entries.get(499)).toBe(4990n);
    expect(map.deleteBatch(keys, 500)).toBe(500);
    expect(collect(map).entries.size).toBe(0);
  });

  it('say how many were done when one fails', () => {
    const map = create({ maxEntries: 10 });
    const { keys, values } = pairs(0, 25);
    const error = errorOf(() => map.updateBatch(keys, values, 25));
    expect(error.code).toBe('E2BIG');
    expect(error.done).toBe(collect(map).entries.size);
    expect(error.done).toBeGreaterThanOrEqual(10);
    expect(error.message).toContain('of 25');
  });

  it('delete past keys that are missing', () => {
    const map = create();
    const { keys, values } = pairs(0, 10);
    map.updateBatch(keys, values, 10);
    map.delete(u32(0));
    map.delete(u32(4));
    map.delete(u32(9));
    expect(map.deleteBatch(pairs(0, 20).keys, 20)).toBe(7);
    expect(map.deleteBatch(keys, 10)).toBe(0);
  });

  it('of nothing do nothing', () => {
    const map = create();
    map.updateBatch(Buffer.alloc(0), Buffer.alloc(0), 0);
    expect(map.deleteBatch(Buffer.alloc(0), 0)).toBe(0);
  });

  it('work on arrays and per-CPU maps', () => {
    const array = create({ type: 'array', maxEntries: 10 });
    const { keys, values } = pairs(0, 10);
    array.updateBatch(keys, values, 10);
    expect(collect(array, 3).entries.get(7)).toBe(70n);
    const perCpu = create({ type: 'percpu-array', maxEntries: 3 });
    perCpu.updateBatch(pairs(0, 3).keys, Buffer.alloc(3 * 8 * cpuCount(), 1), 3);
    for (const slice of perCpu.entries()) {
      expect(slice.count).toBe(3);
      expect(slice.values).toEqual(Buffer.alloc(3 * 8 * cpuCount(), 1));
    }
  });

  it('fall back where the kernel has none', () => {
    const map = create({ type: 'devmap', valueSize: 4, maxEntries: 8 });
    map.updateBatch(Buffer.concat([u32(2), u32(5)]), Buffer.concat([u32(1), u32(1)]), 2);
    const keys: number[] = [];
    for (const slice of map.entries(1)) keys.push(slice.keys.readUInt32LE(0));
    expect(keys).toEqual([2, 5]);
    expect(map.deleteBatch(Buffer.concat([u32(2), u32(5)]), 2)).toBe(2);
    const missing = Buffer.concat([u32(0), u32(1)]);
    const devices = Buffer.concat([u32(1), u32(0x7ffffff0)]);
    expect(errorOf(() => map.updateBatch(missing, devices, 2)).done).toBe(1);
  });
});

describe('entries', () => {
  it('come in slices that together are the map', () => {
    const map = create({ maxEntries: 20000 });
    const { keys, values } = pairs(0, 20000);
    map.updateBatch(keys, values, 20000);
    const { entries, slices } = collect(map, 512);
    expect(entries.size).toBe(20000);
    expect(slices).toBeGreaterThan(30);
    expect([...entries].every(([key, value]) => value === BigInt(key) * 10n)).toBe(true);
  });

  it('need no room for the largest bucket', () => {
    const map = create({ maxEntries: 1000 });
    const { keys, values } = pairs(0, 1000);
    map.updateBatch(keys, values, 1000);
    expect(collect(map, 1).entries.size).toBe(1000);
  });

  it('may be left in the middle', () => {
    const map = create({ maxEntries: 1000 });
    const { keys, values } = pairs(0, 1000);
    map.updateBatch(keys, values, 1000);
    for (const slice of map.entries(10)) {
      expect(slice.count).toBeLessThanOrEqual(1000);
      break;
    }
  });

  it('of an empty map are none', () => {
    expect([...create().entries()]).toEqual([]);
  });
});

describe('shared memory', () => {
  const mmapable = (o: Partial<MapOptions> = {}) =>
    create({ type: 'array', flags: MapFlags.MMAPABLE, maxEntries: 1000, ...o });

  it('is the map itself', () => {
    const map = mmapable();
    const memory = map.mmap();
    expect(memory.length).toBe(8000);
    memory[8] = 77;
    expect(map.lookup(u32(1))?.[0]).toBe(77);
    map.update(u32(999), u64(5n));
    expect(memory[999 * 8]).toBe(5);
    expect(map.mmap()).toBe(memory);
  });

  it('rounds values up to 8 bytes', () => {
    const map = mmapable({ valueSize: 12, maxEntries: 3 });
    map.update(u32(1), Buffer.alloc(12, 3));
    expect(map.mmap().length).toBe(48);
    expect([...map.mmap().subarray(15, 17)]).toEqual([0, 3]);
  });

  it('is empty after close, not unmapped under our feet', () => {
    const map = mmapable();
    const memory = map.mmap();
    const part = memory.subarray(0, 8);
    map.close();
    expect(memory.length).toBe(0);
    expect(memory[0]).toBeUndefined();
    expect(part.length).toBe(0);
  });

  it('stores whole words', () => {
    const map = mmapable();
    map.storeWord(2, 0xffff_0000_ffff_0000n);
    expect(map.loadWord(2)).toBe(0xffff_0000_ffff_0000n);
    expect(map.lookup(u32(2))).toEqual(u64(0xffff_0000_ffff_0000n));
    expect(errorOf(() => map.storeWord(1000, 1n)).code).toBe('EUSAGE');
    expect(errorOf(() => map.storeWord(-1, 1n)).code).toBe('EUSAGE');
    expect(errorOf(() => map.storeWord(0, 1n << 64n)).code).toBe('EUSAGE');
    expect(errorOf(() => map.storeWord(0, -1n)).code).toBe('EUSAGE');
    expect(errorOf(() => map.storeWord(0, wrong(1))).code).toBe('EUSAGE');
    expect(errorOf(() => mmapable({ valueSize: 4 }).storeWord(0, 1n)).code).toBe('EUSAGE');
  });
});

describe('maps of maps', () => {
  const inner = () => create({ name: 'inner' });

  it('hold maps like the one they were made with', () => {
    const first = inner();
    const outer = create({ type: 'array-of-maps', valueSize: 4, maxEntries: 4, inner: first });
    outer.updateInner(u32(0), first);
    expect(outer.lookup(u32(0))?.readUInt32LE()).toBe(first.info.id);
    expect(outer.lookup(u32(1))).toBeUndefined();
    const other = create({ keySize: 8 });
    expect(errorOf(() => outer.updateInner(u32(1), other)).code).toBe('EINVAL');
    expect(outer.delete(u32(0))).toBe(true);
    expect(outer.lookup(u32(0))).toBeUndefined();
  });

  it('keep what they hold', () => {
    const first = inner();
    const { id } = first.info;
    const outer = create({ type: 'hash-of-maps', valueSize: 4, maxEntries: 4, inner: first });
    outer.updateInner(u32(9), first);
    first.close();
    expect(outer.lookup(u32(9))?.readUInt32LE()).toBe(id);
    let seen = 0;
    for (const slice of outer.entries()) seen += slice.count;
    expect(seen).toBe(1);
  });

  it('take maps, not numbers', () => {
    const outer = create({ type: 'array-of-maps', valueSize: 4, maxEntries: 4, inner: inner() });
    expect(errorOf(() => outer.update(u32(0), u32(3))).code).toBe('EUSAGE');
    expect(errorOf(() => outer.updateBatch(u32(0), u32(3), 1)).code).toBe('EUSAGE');
    expect(errorOf(() => outer.updateInner(u32(0), wrong({ fd: 3 }))).code).toBe('EUSAGE');
    const closed = inner();
    closed.close();
    expect(errorOf(() => outer.updateInner(u32(0), closed)).code).toBe('ECLOSED');
  });
});
