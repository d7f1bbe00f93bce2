import { describe, expect, it } from 'vitest';
import { type SetDeps, SetService } from '../../../../src/control/daemon/set-service.js';
import { GroupFullError } from '../../../../src/control/dataplane/index.js';

const group = { name: 'badguys', max: 10, allowScreened: false };

/** A service whose members are only counted, and how often live connections were judged again. */
function service(add: (bit: number, count: number) => Promise<number>) {
  let rejudged = 0;
  const groups = [group];
  const active = {
    plan: { dynamicGroups: groups, hosts: [] },
    numbering: { groupBits: new Map([['badguys', 31]]) },
  };
  const sets = {
    add: (bit: number, addresses: readonly Uint8Array[]) => add(bit, addresses.length),
  };
  const installer = { denyGroups: () => 1 << 31, cell: { rejudge: () => rejudged++ } };
  const clock = { now: () => 0n, seconds: () => 0 };
  const cutStates = () => {};
  const deps = { sets, policies: { active }, installer, clock, cutStates } as unknown as SetDeps;
  return { sets: new SetService(deps), groups, rejudged: () => rejudged };
}

const addresses = (count: number) =>
  Array.from({ length: count }, (_, i) => `198.51.${i >> 8}.${i & 255}`);

describe('members of dynamic groups', () => {
  it('come in pieces, so that others get a turn', async () => {
    const pieces: number[] = [];
    const { sets, rejudged } = service(async (_, count) => pieces.push(count) && count);
    expect(await sets.add('badguys', addresses(10_000), null)).toBe(10_000);
    sets.close();
    expect(pieces).toEqual([4096, 4096, 1808]);
    expect(rejudged()).toBe(2);
  });

  it('cut live connections also when the piece they came in was not done', async () => {
    for (const error of [new GroupFullError(10, 'group'), new Error('no memory')]) {
      const { sets, rejudged } = service(() => Promise.reject(error));
      await expect(sets.add('badguys', addresses(20), null)).rejects.toThrow(/full|no memory/);
      expect(rejudged()).toBe(1);
      sets.close();
    }
  });

  it('are refused once their group is gone', async () => {
    const { sets, groups } = service(async (_, count) => {
      groups.pop();
      return count;
    });
    await expect(sets.add('badguys', addresses(5000), null)).rejects.toThrow('no dynamic group');
    sets.close();
  });

  it('say which table is full', async () => {
    const { sets } = service(() => Promise.reject(new GroupFullError(7, 'table')));
    const words = 'the table of all sets is full: it holds 7 members';
    await expect(sets.add('badguys', addresses(1), null)).rejects.toThrow(words);
    sets.close();
  });

  it('have a time to live that the kernel can count', async () => {
    const { sets } = service(async (_, count) => count);
    for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e18]) {
      await expect(sets.add('badguys', addresses(1), ttl)).rejects.toThrow('at most 100 years');
    }
    expect(await sets.add('badguys', addresses(1), 86_400)).toBe(1);
    sets.close();
  });
});
