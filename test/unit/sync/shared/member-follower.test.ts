import { status } from '@grpc/grpc-js';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemberFollower, type MembersThere } from '../../../../src/sync/shared/member-follower.js';
import type { SharedSets } from '../../../../src/sync/shared/sets.js';

const NOBODY = { life: '', number: 0 };

describe('who follows the members of the other node', () => {
  /** Digests by group. */
  let own: Map<string, bigint>;
  let theirs: Map<string, bigint>;
  let asked: string[];
  let errors: string[];
  let refuse: Map<string, Error>;
  let now: number;
  let active: boolean;
  let follower: MemberFollower;

  const sets: SharedSets = {
    watch: () => {},
    names: () => [...own.keys()],
    take: async () => {},
    digests: async () => new Map(own),
    async *dump() {},
    replace: async (set) => {
      if (!own.has(set)) throw new Error(`there is no dynamic group ${set}`);
      asked.push(set);
      const refusal = refuse.get(set);
      if (refusal) throw refusal;
      own.set(set, theirs.get(set)!);
    },
  };
  const there: MembersThere = {
    digests: async () => ({ digests: new Map(theirs), told: NOBODY, taken: NOBODY }),
    async *members() {},
  };
  const look = async () => {
    now += 1001;
    follower.look();
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  const replaced = (set: string) => {
    const change = { set, kind: 'replaced', ttlSeconds: null, keep: false, width: 16 } as const;
    const changes = [{ ...change, addresses: new Uint8Array() }];
    return follower.hear({ active: !active, changes, told: NOBODY, gap: false });
  };

  beforeEach(() => {
    own = new Map([
      ['a', 0n],
      ['b', 0n],
    ]);
    theirs = new Map([
      ['a', 1n],
      ['b', 2n],
    ]);
    [asked, errors, refuse, now, active] = [[], [], new Map(), 0, true];
    follower = new MemberFollower({
      ...{ sets, own: 'fw1', peer: 'fw2', active: () => active, done: () => NOBODY },
      onError: (error) => errors.push(String(error)),
      now: () => now,
    });
    follower.begin(there);
  });

  it('goes on when a group was replaced that the policy here does not have', async () => {
    await replaced('unknown');
    await replaced('a');
    await look();
    expect(asked).toEqual(['a']);
    active = false;
    await follower.hear({ active: true, changes: [], told: NOBODY, gap: false });
    await look();
    expect(asked).toEqual(['a', 'b']);
    expect(errors).toEqual([]);
    await look();
    expect(follower.match).toBe(true);
  });

  it('tries again what it could not have, and has the others all the same', async () => {
    refuse.set('a', new Error('no room'));
    await replaced('a');
    await replaced('b');
    await look();
    expect(asked).toEqual(['a', 'b']);
    expect(errors).toEqual(['Error: no room']);
    refuse.clear();
    await look();
    expect(asked).toEqual(['a', 'b', 'a']);
    await look();
    expect(follower.match).toBe(true);
  });

  it('asks once for a group that the other node does not have any more', async () => {
    refuse.set('a', Object.assign(new Error('none'), { code: status.NOT_FOUND }));
    await replaced('a');
    await look();
    await look();
    expect(asked).toEqual(['a']);
  });

  it('repairs the others when the members of one cannot be had', async () => {
    active = false;
    await follower.hear({ active: true, changes: [], told: NOBODY, gap: false });
    refuse.set('a', new Error('no room'));
    await look();
    expect(asked).toEqual(['a', 'b']);
    expect(follower.complete).toBe(false);
    refuse.clear();
    await look();
    expect(follower.complete).toBe(true);
  });

  it('is complete once each group was the same, and stays so', async () => {
    expect(follower.complete).toBe(false);
    await look();
    expect(follower.complete).toBe(false);
    own.set('a', 1n);
    await look();
    own.set('a', 5n);
    own.set('b', 2n);
    await look();
    expect([follower.match, follower.complete]).toEqual([false, true]);
    follower.leave();
    expect(follower.complete).toBe(true);
    own.set('c', 0n);
    expect(follower.complete).toBe(false);
    follower.begin(there);
    await look();
    expect(follower.complete).toBe(true);
  });

  it('is not complete by having had no groups', async () => {
    const before = own;
    own = new Map();
    await look();
    expect(follower.complete).toBe(true);
    own = before;
    expect(follower.complete).toBe(false);
  });
});
