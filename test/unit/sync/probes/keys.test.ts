import { describe, expect, it } from 'vitest';
import {
  agreedKey,
  commonSlot,
  heldKeys,
  isPaired,
  NO_KEYS,
  signable,
  withKey,
  withoutKey,
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

  const [old, young] = [Buffer.alloc(16, 7), Buffer.alloc(16, 8)];
  const one = { ...withKey(NO_KEYS, 0, old), sign: 0 };
  const both = withKey(one, 1, young);

  it('come and go by number', () => {
    expect(isPaired(NO_KEYS)).toBe(false);
    expect(isPaired(one)).toBe(true);
    expect(withKey(both, 0, null).slots).toEqual([null, young]);
    expect(one.slots[1]).toBeNull();
  });

  it('are forgotten only while they are there, and not signed with', () => {
    expect(withoutKey(both, 1, young).slots).toEqual([old, null]);
    expect(withoutKey(both, 1, old)).toBe(both);
    expect(withoutKey(both, 0, old)).toBe(both);
    expect(withoutKey(one, 1, young)).toBe(one);
  });

  it('that are in common are found by their marks, the one that is signed with first', () => {
    expect(commonSlot(both, heldKeys({ ...both, sign: 1 }))).toBe(1);
    expect(commonSlot(both, heldKeys(both))).toBe(0);
    expect(commonSlot(both, heldKeys({ slots: [young, young], sign: 0 }))).toBe(1);
    expect(commonSlot(both, heldKeys({ slots: [young, old], sign: 0 }))).toBeNull();
    expect(commonSlot(both, { held: [], sign: 0 })).toBeNull();
    expect(commonSlot(NO_KEYS, heldKeys(NO_KEYS))).toBeNull();
  });

  it('that are there are signed with', () => {
    expect(signable({ ...one, sign: 1 })).toEqual(one);
    expect(signable({ ...both, sign: 1 }).sign).toBe(1);
    expect(signable(NO_KEYS)).toBe(NO_KEYS);
  });
});
