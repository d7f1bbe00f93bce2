/** Members of dynamic groups in the kernel: batches, times, replacement, sizes. No frame is judged. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Dataplane, type Rules, Sets } from '../../src/control/dataplane/index.js';
import { BATCH, batches, type PackedAddresses } from '../../src/control/dataplane/member-batch.js';
import { formatAddress, neverSource } from '../../src/control/policy/index.js';
import * as layouts from '../../src/generated/layouts.js';
import { wideBytes } from '../packet/index.js';
import { mail } from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { index, TestWall } from './harness/wall.js';

const { Refusal } = layouts;

let wall: TestWall;
let sets: Sets;

beforeAll(() => {
  wall = new TestWall(layCables());
});
afterAll(() => wall.close());
afterEach(() => {
  sets.close();
  wall.reset();
});

function open(): Sets {
  const parts = {
    map: (name: string) => wall.map(name),
    program: (name: string) => wall.object.program(name),
    clock: {
      now: () => wall.map('clock').lookup(index(0))!.readBigUInt64LE(0),
      jiffies: (seconds: number) => BigInt(Math.ceil(seconds * wall.hz)),
    },
  } as unknown as Dataplane;
  sets = Sets.open(parts);
  return sets;
}

const rules = (bit: number, more: Partial<Rules> = {}): Rules => ({
  ...{ bit, max: 1_000_000, allowScreened: true, slot: 0, ttlSeconds: null },
  ...more,
});

/** Addresses from 100.64.0.0 on, in four bytes each. */
function v4(from: number, count: number): PackedAddresses {
  const bytes = Buffer.alloc(count * 4);
  for (let i = 0; i < count; i++) bytes.writeUInt32BE(0x64400000 + from + i, i * 4);
  return { width: 4, bytes };
}

const wide = (...texts: string[]): PackedAddresses => ({
  width: 16,
  bytes: Buffer.concat(texts.map((text) => wideBytes(text))),
});

async function members(bit: number): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const records of sets.members(bit)) {
    for (let at = 0; at < records.length; at += layouts.memberRecord.size) {
      const { address, left } = layouts.memberRecord.decode(records, at);
      found.set(formatAddress(address.byte), left);
    }
  }
  return found;
}

const has = async (bit: number, text: string) => (await members(bit)).has(text);

/** Elements of the table, those that only tell a time included. */
function elements(): number {
  const table = wall.memberTable;
  let count = 0;
  for (const slice of table.entries()) count += slice.count;
  return count;
}

describe('a batch', () => {
  it('adds addresses of both families, and counts those that are new', async () => {
    open();
    expect(await sets.change('add', v4(0, BATCH), rules(3))).toMatchObject({
      ...{ done: BATCH, changed: BATCH, refusal: Refusal.NONE },
    });
    const mixed = wide('100.64.0.0', '2001:db8::1', '2001:db8::1', '100.64.8.0');
    expect(await sets.change('add', mixed, rules(3))).toMatchObject({ done: 4, changed: 2 });
    expect(sets.count(3)).toBe(BATCH + 2);
    expect(await has(3, '2001:db8::1')).toBe(true);
    expect(await has(4, '2001:db8::1')).toBe(false);
    expect((await members(3)).size).toBe(BATCH + 2);
    expect(await sets.change('remove', mixed, rules(3))).toMatchObject({ done: 4, changed: 3 });
    expect(sets.count(3)).toBe(BATCH - 1);
    expect(elements()).toBe(BATCH - 1);
  });

  it('ends at the first that its group has no room for', async () => {
    open();
    await sets.change('add', v4(0, 8), rules(0, { max: 10 }));
    expect(await sets.change('add', v4(4, 10), rules(0, { max: 10 }))).toMatchObject({
      ...{ done: 6, changed: 2, refusal: Refusal.GROUP_FULL },
    });
    // A member stays one when the group is full.
    expect(await sets.change('add', v4(0, 10), rules(0, { max: 10 }))).toMatchObject({ done: 10 });
    expect(await sets.change('add', v4(100, 10), rules(1, { max: 10 }))).toMatchObject({
      done: 10,
    });
  });

  it('leaves who is a member as he is, if told to', async () => {
    open();
    await sets.change('add', v4(0, 1), rules(0));
    await sets.change('add', v4(1, 1), rules(0, { ttlSeconds: 1000 }));
    await sets.change('add', v4(2, 1), rules(0, { ttlSeconds: 5 }));
    wall.setClock(6);
    const keep = { keep: true, ttlSeconds: 60, max: 4 };
    // The third is a member no more; a group that is full takes whoever is in it.
    expect(await sets.change('add', v4(0, 5), rules(0, keep))).toMatchObject({
      ...{ done: 4, changed: 1, refusal: Refusal.GROUP_FULL },
    });
    expect([...(await members(0)).values()].sort((a, b) => a - b)).toEqual([0, 60, 60, 994]);
  });

  it('ends where the table is full', async () => {
    open();
    const { room } = sets;
    for (let from = 0; from < room; from += BATCH) {
      await sets.change('add', v4(from, Math.min(BATCH, room - from)), rules(0));
    }
    expect(await sets.change('add', v4(room - 1, 2), rules(0))).toMatchObject({
      ...{ done: 1, changed: 0, refusal: Refusal.TABLE_FULL },
    });
    expect(sets.count(0)).toBe(room);
    expect(await sets.change('add', v4(0, 9), rules(1))).toMatchObject({ done: 9, changed: 9 });
  });

  it('refuses what can never be a source, as the policy does', async () => {
    open();
    const edges = ['0.0.0.0', '0.255.255.255', '1.0.0.0', '126.255.255.255', '127.0.0.0'];
    edges.push('127.255.255.255', '128.0.0.0', '223.255.255.255', '224.0.0.0', '255.255.255.255');
    edges.push('::', '::1', '::2', '::1:0', 'fe80::1', 'ff00::', 'ff02::1', 'feff::', '1::');
    for (const edge of edges) {
      const never = neverSource(wideBytes(edge)) !== null;
      const { refusal } = await sets.change('check', wide(edge), rules(0));
      expect([edge, refusal === Refusal.NEVER]).toEqual([edge, never]);
    }
    expect(elements()).toBe(0);
  });

  it('refuses screened hosts, unless its group may hold them', async () => {
    wall.reset({}, planOf(CAMPUS));
    open();
    const slot = wall.slot;
    const host = wide('203.0.113.9', mail.ip);
    const strict = rules(0, { allowScreened: false, slot });
    expect(await sets.change('check', host, strict)).toMatchObject({ done: 1, changed: 0 });
    expect(await sets.change('add', host, strict)).toMatchObject({
      ...{ done: 1, changed: 1, refusal: Refusal.SCREENED },
    });
    expect(await sets.change('add', host, rules(0, { slot }))).toMatchObject({ done: 2 });
  });
});

describe('times', () => {
  it('end for each group of an address by itself', async () => {
    open();
    const one = wide('192.0.2.1');
    for (const bit of [0, 7, 31])
      await sets.change('add', one, rules(bit, { ttlSeconds: bit + 1 }));
    await sets.change('add', one, rules(5));
    const groups = async () => {
      const found: number[] = [];
      for (const bit of [0, 5, 7, 31]) if (await has(bit, '192.0.2.1')) found.push(bit);
      return found;
    };
    expect(await groups()).toEqual([0, 5, 7, 31]);
    expect([...(await members(7)).values()]).toEqual([8]);
    expect([...(await members(5)).values()]).toEqual([0]);
    wall.setClock(1);
    expect(await groups()).toEqual([5, 7, 31]);
    // Room for a time became free, but this group's is told elsewhere.
    await sets.change('remove', one, rules(0));
    await sets.change('add', one, rules(7, { ttlSeconds: 20 }));
    wall.setClock(9);
    expect(await groups()).toEqual([5, 7, 31]);
    await sets.change('add', one, rules(7));
    wall.setClock(40);
    expect(await groups()).toEqual([5, 7]);
    expect([...(await members(7)).values()]).toEqual([0]);
    await sets.change('add', one, rules(7, { ttlSeconds: 1 }));
    wall.setClock(41);
    expect(await groups()).toEqual([5]);
    expect(await sets.sweep()).toBe(true);
    expect(await sets.sweep()).toBe(true);
    expect(await sets.sweep()).toBe(false);
    expect([0, 5, 7, 31].map((bit) => sets.count(bit))).toEqual([0, 1, 0, 0]);
    expect(elements()).toBe(1);
  });

  it('that are over are told of at once, also while the next look for them has to wait', async () => {
    open();
    wall.setClock(0);
    await sets.change('add', v4(0, 1000), rules(0, { ttlSeconds: 1 }));
    await sets.change('add', v4(5000, 1), rules(0, { ttlSeconds: 2 }));
    // Of new maps nobody knows yet when the first one's time is over.
    while (await sets.sweep());
    const time = vi.spyOn(performance, 'now');
    const sweepAt = async (...times: number[]) => {
      for (const ms of times) time.mockReturnValueOnce(1e9 + ms);
      return [await sets.sweep(), sets.count(0)];
    };
    try {
      expect(await sweepAt(0)).toEqual([false, 1001]);
      wall.setClock(1);
      expect(await sweepAt(100)).toEqual([true, 1001]);
      // A walk that takes from 200 to 10,200 ms.
      expect(await sweepAt(200, 200, 10_200)).toEqual([true, 1]);
      wall.setClock(2);
      expect(await sweepAt(10_300)).toEqual([true, 1]);
      expect(await sweepAt(10_400)).toEqual([false, 1]);
      expect(await sweepAt(11_300)).toEqual([true, 1]);
      expect(await sweepAt(300_000)).toEqual([true, 1]);
      expect(await sweepAt(300_100, 300_100, 300_200)).toEqual([true, 0]);
    } finally {
      time.mockRestore();
    }
  });

  it('that are over make room at once where a group is full', async () => {
    open();
    await sets.change('add', v4(0, 10), rules(0, { max: 10, ttlSeconds: 5 }));
    const ten = rules(0, { max: 10 });
    expect(await sets.change('add', v4(50, 1), ten)).toMatchObject({ refusal: Refusal.GROUP_FULL });
    wall.setClock(5);
    expect(sets.count(0)).toBe(10);
    expect(await sets.change('add', v4(50, 3), ten)).toMatchObject({ done: 3, changed: 3 });
    expect(sets.count(0)).toBe(3);
  });
});

describe('a replacement', () => {
  const name = async (list: PackedAddresses, max = 1000) => {
    const replacement = (await sets.replace(2))!;
    return { replacement, result: await sets.name(replacement, list, rules(2, { max })) };
  };

  it('removes what it did not name, and nothing of another group', async () => {
    open();
    await sets.change('add', v4(0, 1000), rules(2));
    await sets.change('add', v4(0, 1000), rules(9));
    const { replacement, result } = await name(v4(500, 1000));
    expect(result).toMatchObject({ done: 1000, changed: 500 });
    expect(sets.count(2)).toBe(1500);
    // Who comes meanwhile stays.
    await sets.change('add', v4(7, 1), rules(2));
    await sets.change('add', v4(5000, 1), rules(2, { max: 2000 }));
    expect(await sets.finish(replacement)).toBe(499);
    expect(sets.count(2)).toBe(1002);
    expect(sets.count(9)).toBe(1000);
    expect((await members(2)).has('100.64.0.7')).toBe(true);
    expect((await members(2)).has('100.64.0.8')).toBe(false);
  });

  it('that is abandoned takes out what it put in, and no more', async () => {
    open();
    await sets.change('add', v4(0, 10), rules(2));
    await sets.change('add', v4(0, 20), rules(9));
    const { replacement } = await name(v4(5, 10));
    await sets.change('add', v4(12, 1), rules(2));
    await sets.change('add', v4(13, 1), rules(9));
    expect(await sets.abandon(replacement)).toBe(4);
    expect(sets.count(2)).toBe(11);
    expect(sets.count(9)).toBe(20);
    expect((await members(2)).has('100.64.0.12')).toBe(true);
  });

  it('may be as large as the group, and one is at a time', async () => {
    open();
    await sets.change('add', v4(0, 10), rules(2, { max: 10 }));
    const { replacement, result } = await name(v4(100, 11), 10);
    expect(result).toMatchObject({ done: 10, changed: 10, refusal: Refusal.GROUP_FULL });
    expect(await sets.replace(3)).toBeNull();
    expect(await sets.abandon(replacement)).toBe(10);
    const next = await name(v4(100, 10), 10);
    expect(await sets.finish(next.replacement)).toBe(10);
    expect(sets.count(2)).toBe(10);
  });

  it('is not taken in by the marks of one long ago', async () => {
    open();
    const first = await name(v4(0, 10));
    await sets.finish(first.replacement);
    const counts = layouts.memberCounts.decode(wall.map('member_counts').lookup(index(0))!);
    const mark = layouts.Limits.MEMBER_MARKS;
    const value = layouts.memberCounts.encode({ ...counts, mark });
    wall.map('member_counts').update(index(0), value);
    const next = await name(v4(5, 1));
    expect(next.replacement.number).toBe(first.replacement.number);
    expect(await sets.finish(next.replacement)).toBe(9);
  });
});

describe('the table', () => {
  it('gives way to a larger one and to a much smaller one with all that it holds', async () => {
    open();
    for (let from = 0; from < 4096; from += BATCH) {
      await sets.change('add', v4(from, BATCH), rules(0, { ttlSeconds: 50 }));
    }
    await sets.fit(100_000);
    expect(sets.room).toBe(131_072);
    await sets.change('add', v4(0, BATCH), rules(1, { ttlSeconds: 10 }));
    expect(sets.count(0)).toBe(4096);
    expect((await members(0)).size).toBe(4096);
    expect(elements()).toBe(4096 + BATCH);
    await sets.fit(50_000, true);
    expect(sets.room).toBe(131_072);
    await sets.fit(7000, true);
    expect(sets.room).toBe(8192);
    expect(elements()).toBe(4096 + BATCH);
    wall.setClock(20);
    expect([(await members(0)).size, (await members(1)).size]).toEqual([4096, 0]);
    await expect(sets.fit(5000, true)).resolves.toBeUndefined();
  });

  it('stays as it was when what it holds does not fit', async () => {
    open();
    await sets.fit(10_000);
    for (let from = 0; from < 10_000; from += 1000)
      await sets.change('add', v4(from, 1000), rules(0));
    await expect(sets.fit(4000, true)).rejects.toThrow('find no room');
    expect(sets.room).toBe(16_384);
    expect((await members(0)).size).toBe(10_000);
  });

  it('is emptied of one group at a time', async () => {
    open();
    for (const bit of [0, 1, 31]) await sets.change('add', v4(0, 2000), rules(bit));
    await sets.clear([0, 31, 4]);
    expect([0, 1, 31].map((bit) => sets.count(bit))).toEqual([0, 2000, 0]);
    await sets.clear([1]);
    expect(elements()).toBe(0);
  });
});

it('agrees with a plain map after any changes', async () => {
  open();
  let seed = 20_261_122;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const model = new Map<string, number>();
  let now = 0;
  const key = (bit: number, n: number) => `${bit} ${formatAddress(wideBytes(`100.64.0.${n}`))}`;
  for (let step = 0; step < 4000; step++) {
    const bit = [0, 1, 30, 31][random(4)]!;
    const n = random(12);
    const ttlSeconds = random(3) === 0 ? null : 1 + random(30);
    if (random(5) < 3) {
      await sets.change('add', v4(n, 1), rules(bit, { ttlSeconds }));
      model.set(key(bit, n), ttlSeconds === null ? Number.POSITIVE_INFINITY : now + ttlSeconds);
    } else {
      await sets.change('remove', v4(n, 1), rules(bit));
      model.delete(key(bit, n));
    }
    if (random(8) === 0) {
      now += random(9);
      wall.setClock(now);
    }
    if (random(40) === 0) await sets.sweep();
    for (const [at, until] of model) if (until <= now) model.delete(at);
    expect([step, await has(bit, `100.64.0.${n}`)]).toEqual([step, model.has(key(bit, n))]);
    if (step % 50 !== 0) continue;
    const held = new Map<string, number>();
    for (const each of [0, 1, 30, 31]) {
      for (const [address, left] of await members(each)) {
        held.set(`${each} ${address}`, left === 0 ? Number.POSITIVE_INFINITY : now + left);
      }
    }
    expect(held).toEqual(new Map(model));
  }
});

describe('the other node of a pair', () => {
  it('is given records, each with its own time, and puts them in the place of what it had', async () => {
    open();
    const limited = { ttlSeconds: 500 };
    await sets.change('add', v4(0, 3000), rules(3, limited));
    await sets.change('add', v4(3000, 3000), rules(3));
    const before = await members(3);
    const dump: Buffer[] = [];
    for await (const records of sets.members(3)) dump.push(Buffer.from(records));
    await sets.change('remove', v4(10, 20), rules(3));
    await sets.change('add', v4(9000, 50), rules(3));
    const replacement = (await sets.replace(3))!;
    for (const batch of batches({ width: 20, bytes: Buffer.concat(dump) })) {
      const result = await sets.name(replacement, batch, rules(3));
      expect(result.refusal).toBe(Refusal.NONE);
    }
    expect(await sets.finish(replacement)).toBe(50);
    const after = await members(3);
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    expect(after.get('100.64.0.15')).toBe(500);
    expect(after.get('100.64.20.0')).toBe(0);
  });

  it('has the same digests with the same members, in whatever order and however they came', async () => {
    open();
    await sets.change('add', v4(0, 300), rules(3, { ttlSeconds: 500 }));
    await sets.change('add', v4(300, 300), rules(3));
    await sets.change('add', v4(0, 100), rules(4, { ttlSeconds: 900 }));
    const one = await sets.digests();
    expect(one[3]).not.toBe(one[4]);
    expect(one[5]).toBe(0n);
    await sets.clear([3, 4]);
    expect((await sets.digests())[3]).toBe(0n);
    for (let i = 599; i >= 0; i -= 3) {
      await sets.change('add', v4(i - 2, 3), rules(3, { ttlSeconds: i < 300 ? 90 : null }));
    }
    // For good by way of a limited time.
    await sets.change('add', v4(300, 1), rules(3, { ttlSeconds: 90 }));
    expect((await sets.digests())[3]).not.toBe(one[3]);
    await sets.change('add', v4(300, 1), rules(3));
    expect((await sets.digests())[3]).toBe(one[3]);
    await sets.change('remove', v4(5, 1), rules(3));
    expect((await sets.digests())[3]).not.toBe(one[3]);
  });
});
