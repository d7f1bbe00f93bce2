import { describe, expect, it } from 'vitest';
import { difference } from '../../../../src/sync/replication/difference.js';
import { repair, type Told } from '../../../../src/sync/replication/repair.js';
import type { Choice, ConnectionTable } from '../../../../src/sync/replication/table.js';

const BUCKETS = 64;
const RECORD = 2;

/** A set of numbers below 256, in buckets by their lower six bits; a record is number and nothing. */
class Numbers {
  readonly held: Set<number>;
  touchedBuckets = new Uint8Array(BUCKETS / 8);

  constructor(...numbers: number[]) {
    this.held = new Set(numbers);
  }

  digests(): { bytes: Uint8Array; count: number } {
    const sums = new BigUint64Array(BUCKETS);
    for (const number of this.held) sums[number % BUCKETS]! += BigInt(number + 1);
    return { bytes: new Uint8Array(sums.buffer), count: this.held.size };
  }

  chosen({ buckets }: Choice): number[] {
    return [...this.held].filter((n) => buckets[(n % BUCKETS) >> 3]! & (1 << (n & 7)));
  }

  get table(): ConnectionTable {
    const table: Partial<ConnectionTable> = {
      digests: async () => this.digests(),
      touched: () => this.touchedBuckets,
      forgetTouched: () => {},
      take: (_, __, records) => {
        let added = 0;
        for (let at = 0; at < records.length; at += RECORD) {
          if (!this.held.has(records[at]!)) added++;
          this.held.add(records[at]!);
        }
        return { added, moved: 0, ended: 0, stale: 0, full: 0, bad: 0 };
      },
      drop: async (choice) => {
        const gone = this.chosen(choice);
        for (const number of gone) this.held.delete(number);
        return gone.length;
      },
    };
    return table as ConnectionTable;
  }

  get told(): Told & { asked: number } {
    const numbers = this;
    const told = {
      asked: 0,
      digests: async () => ({ until: 5n, epoch: 1, toldMs: 7, ...numbers.digests() }),
      taken: async () => {},
      async *buckets(choice: Choice) {
        told.asked++;
        const records = numbers.chosen(choice).flatMap((number) => [number, 0]);
        if (records.length > 0) yield { epoch: 1, states: Uint8Array.from(records) };
      },
    };
    return told;
  }
}

describe('a repair', () => {
  it('asks for nothing where nothing differs', async () => {
    const told = new Numbers(1, 2, 3).told;
    const done = await repair(new Numbers(1, 2, 3).table, told, false);
    expect(done).toMatchObject({ differing: 0, rounds: 0, bytes: 0, count: 3 });
    expect(told.asked).toBe(0);
  });

  it('has the buckets that differ told again, and those alone', async () => {
    const here = new Numbers(1, 2, 65);
    const done = await repair(here.table, new Numbers(1, 2, 65, 129, 3).told, false);
    expect([...here.held].sort((a, b) => a - b)).toEqual([1, 2, 3, 65, 129]);
    expect(done).toMatchObject({
      differing: 0,
      rounds: 1,
      added: 2,
      dropped: 0,
      bytes: 4 * RECORD,
    });
  });

  it('drops what only this node holds', async () => {
    const here = new Numbers(1, 2, 66);
    const done = await repair(here.table, new Numbers(1, 2).told, false);
    expect([...here.held].sort()).toEqual([1, 2]);
    expect(done).toMatchObject({ differing: 0, rounds: 3, dropped: 2, added: 1 });
  });

  it('leaves buckets alone of which something ended meanwhile, unless it knows nothing yet', async () => {
    const here = new Numbers(1, 3);
    here.touchedBuckets[0] = 1 << 2;
    const left = await repair(here.table, new Numbers(1, 2, 3).told, false);
    expect(left).toMatchObject({ differing: 0, rounds: 0 });
    await repair(here.table, new Numbers(1, 2, 3).told, true);
    expect(here.held.has(2)).toBe(true);
  });

  it('has these told as well, where they are few and others differ for certain', async () => {
    const here = new Numbers(1, 3);
    here.touchedBuckets[0] = 1 << 2;
    const told = new Numbers(1, 2, 3, 5).told;
    const done = await repair(here.table, told, false);
    expect(done).toMatchObject({ differing: 0, rounds: 1, added: 2 });
    expect(here.held.has(2)).toBe(true);
  });

  it('drops nothing of these', async () => {
    const here = new Numbers(1, 2, 66, 5);
    here.touchedBuckets[0] = 1 << 2;
    await repair(here.table, new Numbers(1).told, false);
    expect([...here.held].sort()).toEqual([1, 2, 66]);
  });

  it('gives up on what does not get equal, and says so', async () => {
    const here = new Numbers(1);
    const deaf = { ...here.table, take: () => ({ ...NONE }) };
    const done = await repair(deaf, new Numbers(1, 2).told, false);
    expect(done).toMatchObject({ differing: 1, rounds: 3 });
  });
});

const NONE = { added: 0, moved: 0, ended: 0, stale: 0, full: 1, bad: 0 };

describe('a look', () => {
  it('is at a table that knows what the other node knew at its own', async () => {
    const here = new Numbers(1, 2);
    const there = new Numbers(1, 2);
    const told: Told = {
      ...there.told,
      digests: async () => {
        // Opened and told; on its way while the other node looks.
        there.held.add(3);
        return { until: 5n, epoch: 1, toldMs: 7, ...there.digests() };
      },
      taken: async ({ toldMs }) => {
        expect(toldMs).toBe(7);
        await new Promise(setImmediate);
        here.held.add(3);
      },
    };
    expect(await repair(here.table, told, false)).toMatchObject({ differing: 0, rounds: 0 });
  });
});

describe('a difference', () => {
  it('refuses digests of another number of buckets', () => {
    expect(() => difference(new Uint8Array(64), new Uint8Array(128))).toThrow(RangeError);
    expect(() => difference(new Uint8Array(8), new Uint8Array(8))).toThrow(RangeError);
  });
});
