import { describe, expect, it } from 'vitest';
import {
  agreedKey,
  isPaired,
  NO_KEYS,
  nextSlot,
  withKey,
} from '../../../../src/sync/probes/keys.js';

describe('keys of a pair', () => {
  const [caller, callee] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

  it('are the same on both sides, and other ones for whoever else takes part', () => {
    const key = agreedKey({ caller, callee }, 'fw2', 'fw1');
    expect(key).toHaveLength(16);
    expect(agreedKey({ caller, callee }, 'FW2', 'Fw1').equals(key)).toBe(true);
    expect(agreedKey({ caller: callee, callee: caller }, 'fw2', 'fw1').equals(key)).toBe(false);
    expect(agreedKey({ caller, callee }, 'fw3', 'fw1').equals(key)).toBe(false);
    // HKDF with SHA-256 of RFC 5869, by another implementation of it.
    expect(key.toString('hex')).toBe('d444915d04e2db76bc77c88cbaafb6e7');
  });

  it('come into the place of the one that is not signed with', () => {
    expect(isPaired(NO_KEYS)).toBe(false);
    expect(nextSlot(NO_KEYS)).toBe(0);
    const one = { ...withKey(NO_KEYS, 0, Buffer.alloc(16, 7)), sign: 0 };
    expect(isPaired(one)).toBe(true);
    expect(nextSlot(one)).toBe(1);
    const both = withKey(one, 1, Buffer.alloc(16, 8));
    expect(nextSlot({ ...both, sign: 1 })).toBe(0);
    expect(withKey(both, 0, null).slots[0]).toBeNull();
    expect(one.slots[1]).toBeNull();
  });
});
