import { describe, expect, it } from 'vitest';
import { type SetDeps, SetService } from '../../../../src/control/daemon/set-service.js';
import {
  type BatchResult,
  countOf,
  type PackedAddresses,
} from '../../../../src/control/dataplane/index.js';
import type { SetChange, SetLoad } from '../../../../src/control/service.js';
import { Refusal } from '../../../../src/generated/layouts.js';

const group = { name: 'badguys', max: 10, allowScreened: false };
type Change = (kind: string, count: number) => Partial<BatchResult> | Promise<never>;

/** A service whose members are only counted, and how often live connections were judged again. */
function service(change: Change = () => ({})) {
  let rejudged = 0;
  const calls: string[] = [];
  const groups = [group];
  const active = {
    plan: { dynamicGroups: groups, hosts: [{ name: 'mail', addresses: ['198.51.0.0'] }] },
    numbering: { groupBits: new Map([['badguys', 31]]) },
  };
  const run = async (kind: string, piece: PackedAddresses) => {
    const count = countOf(piece);
    const plain = { done: count, changed: kind === 'check' ? 0 : count, marked: 0, refusal: 0 };
    calls.push(`${kind} ${count}`);
    return { ...plain, ...(await change(kind, count)) };
  };
  const end = (what: string) => async () => calls.push(what);
  const sets = {
    ...{ change: run, room: 4096, count: () => 5 },
    name: (_: unknown, piece: PackedAddresses) => run('name', piece),
    replace: async () => ({ bit: 31, number: 1, marked: 0 }),
    finish: end('finish'),
    abandon: end('abandon'),
  };
  const installer = {
    ...{ usedGroups: () => 1 << 31, judging: () => ({ slot: 1, generation: 1 }) },
    cell: { rejudge: () => rejudged++ },
  };
  const cutStates = () => {};
  const deps = { sets, policies: { active }, installer, cutStates } as unknown as SetDeps;
  return { sets: new SetService(deps), groups, calls, rejudged: () => rejudged };
}

const addresses = (count: number) =>
  Array.from({ length: count }, (_, i) => `198.51.${i >> 8}.${i & 255}`);

describe('members of dynamic groups', () => {
  it('come in batches, all of them checked before the first is added', async () => {
    const { sets, calls, rejudged } = service();
    expect(await sets.add('badguys', addresses(5000), null)).toBe(5000);
    sets.close();
    const batches = ['2048', '2048', '904'];
    expect(calls).toEqual([...batches.map((n) => `check ${n}`), ...batches.map((n) => `add ${n}`)]);
    expect(rejudged()).toBe(2);
  });

  it('cut live connections also when the batch they came in was not done', async () => {
    const outcomes = [{ refusal: Refusal.GROUP_FULL, done: 3 }, Promise.reject(new Error('EIO'))];
    for (const outcome of outcomes) {
      const { sets, rejudged } = service((kind) => (kind === 'check' ? {} : outcome));
      await expect(sets.add('badguys', addresses(20), null)).rejects.toThrow(/full|EIO/);
      expect(rejudged()).toBe(1);
      sets.close();
    }
  });

  it('are refused once their group is gone', async () => {
    const { sets, groups } = service((kind) => {
      if (kind === 'add') groups.pop();
      return {};
    });
    await expect(sets.add('badguys', addresses(5000), null)).rejects.toThrow('no dynamic group');
    sets.close();
  });

  it('that may not be members say why', async () => {
    const words = [
      [Refusal.NEVER, '0.0.0.1 means this network'],
      [Refusal.SCREENED, '198.51.0.0 is the screened host mail, which badguys may not hold'],
      [Refusal.GROUP_FULL, 'set badguys is full: it holds 10 members'],
      [Refusal.TABLE_FULL, 'the table of all sets is full: it holds 4096 members'],
      [Refusal.MEMORY, 'no memory'],
    ] as const;
    for (const [refusal, why] of words) {
      const { sets } = service(() => ({ refusal, done: 0 }));
      const text = refusal === Refusal.NEVER ? '0.0.0.1' : '198.51.0.0';
      await expect(sets.add('badguys', [text], null)).rejects.toThrow(why);
      sets.close();
    }
  });

  it('have a time to live that the kernel can count', async () => {
    const { sets } = service();
    for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e18]) {
      await expect(sets.add('badguys', addresses(1), ttl)).rejects.toThrow('at most 100 years');
    }
    expect(await sets.add('badguys', addresses(1), 86_400)).toBe(1);
    sets.close();
  });
});

describe('changes as they come', () => {
  const change = (address: string, more: Partial<SetChange> = {}): SetChange => ({
    ...{ name: 'badguys', address, remove: false, ttl: null, keep: false },
    ...more,
  });

  it('are made in order, those alike in one batch', async () => {
    const { sets, calls } = service();
    const some = addresses(3).map((one) => change(one));
    const gone = addresses(2).map((one) => change(one, { remove: true }));
    expect(await sets.update([...some, ...gone, change('198.51.9.9', { ttl: 5 })])).toEqual({
      ...{ added: 4, removed: 2, refused: [] },
    });
    expect(calls).toEqual(['add 3', 'remove 2', 'add 1']);
    sets.close();
  });

  it('that are refused are told by their index, and the rest is made', async () => {
    let first = true;
    const { sets, calls } = service(() => {
      if (!first) return {};
      first = false;
      return { refusal: Refusal.SCREENED, done: 1, changed: 1 };
    });
    const result = await sets.update([
      change('nonsense'),
      change('198.51.0.1'),
      change('198.51.0.0'),
      change('198.51.0.2'),
      change('198.51.0.3', { name: 'nosuch' }),
      change('198.51.0.4', { ttl: -1 }),
    ]);
    expect(result).toMatchObject({ added: 2, removed: 0 });
    expect(result.refused.map(({ index }) => index)).toEqual([0, 2, 4, 5]);
    expect(result.refused[1]!.why).toContain('screened host mail');
    expect(result.refused[2]!.why).toContain('no dynamic group nosuch');
    expect(calls).toEqual(['add 3', 'add 1']);
    sets.close();
  });

  it('find no room where there is none for the first of them', async () => {
    const { sets, calls } = service(() => ({ refusal: Refusal.GROUP_FULL, done: 2, changed: 2 }));
    const { refused } = await sets.update(addresses(5).map((one) => change(one)));
    expect(refused.map(({ index }) => index)).toEqual([2, 3, 4]);
    expect(calls).toEqual(['add 5']);
    sets.close();
  });
});

describe("sources that are banned on nobody's order", () => {
  const sources = [1, 2, 3].map((last) =>
    Uint8Array.of(...Array(10).fill(0), 255, 255, 198, 51, 0, last),
  );

  it('leave a quarter of the group to orders', async () => {
    const { sets } = service(() => ({ refusal: Refusal.GROUP_FULL, done: 1, changed: 1 }));
    expect(await sets.ban('badguys', sources, 60)).toEqual({
      banned: [true, false, false],
      why: '8 of the 10 members that badguys may have are in it; the rest is for orders',
    });
    sets.close();
  });

  it('are members together', async () => {
    const { sets, calls } = service();
    expect(await sets.ban('badguys', sources, 60)).toEqual({ banned: [true, true, true], why: '' });
    expect(calls).toEqual(['add 3']);
    sets.close();
  });
});

describe('a list', () => {
  const load = (mode: SetLoad['mode'], count: number | null = null): SetLoad => ({
    ...{ name: 'badguys', mode, ttl: null, count },
  });
  async function* pieces(...counts: number[]): AsyncGenerator<PackedAddresses> {
    for (const count of counts) yield { width: 4, bytes: new Uint8Array(count * 4).fill(9) };
  }

  it('is added, removed or checked batch by batch', async () => {
    for (const mode of ['add', 'remove', 'check'] as const) {
      const { sets, calls } = service();
      const result = await sets.load(load(mode, 3000), pieces(2500, 500));
      const changed = mode === 'check' ? 0 : 3000;
      expect(result).toEqual({
        ...{ received: 3000, members: 5, refused: null },
        added: mode === 'remove' ? 0 : changed,
        removed: mode === 'remove' ? changed : 0,
      });
      expect(calls).toEqual([`${mode} 2048`, `${mode} 452`, `${mode} 500`]);
      sets.close();
    }
  });

  it('takes the place of another once all of it is there', async () => {
    const { sets, calls } = service();
    await sets.load(load('replace'), pieces(10, 20));
    expect(calls).toEqual(['name 10', 'name 20', 'finish']);
    sets.close();
  });

  it('that breaks off says what stays', async () => {
    async function* broken(): AsyncGenerator<PackedAddresses> {
      yield* pieces(10);
      throw new Error('the line is dead');
    }
    const full = (kind: string) =>
      kind === 'check' ? {} : { refusal: Refusal.GROUP_FULL, done: 4, changed: 3 };
    const replacing = service();
    await expect(replacing.sets.load(load('replace'), broken())).rejects.toThrow('dead');
    expect(replacing.calls).toEqual(['name 10', 'abandon']);
    const short = service();
    const counted = short.sets.load(load('replace', 11), pieces(10));
    await expect(counted).rejects.toThrow(
      '10 addresses came where 11 were announced; nothing was replaced',
    );
    expect(short.calls).toEqual(['name 10', 'abandon']);
    const adding = service(full);
    await expect(adding.sets.load(load('add'), pieces(10))).rejects.toThrow(
      'set badguys is full: it holds 10 members; 3 were added before, and stay so',
    );
    for (const { sets } of [replacing, short, adding]) sets.close();
  });

  it('that is checked tells the first that may not be a member', async () => {
    const { sets } = service(() => ({ refusal: Refusal.SCREENED, done: 7 }));
    const { refused } = await sets.load(load('check'), pieces(10));
    expect(refused).toMatchObject({ index: 7 });
    sets.close();
  });
});
