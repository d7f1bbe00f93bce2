/** The keys of a pair: agreed between its nodes, at most two at a time. */
import { hkdfSync } from 'node:crypto';

/** Bytes that each node adds. */
export const CONTRIBUTION_BYTES = 32;
const KEY_BYTES = 16;
const MARK_BYTES = 16;

export interface PairKeys {
  /** By number; null: there is none. */
  readonly slots: readonly [Buffer | null, Buffer | null];
  /** Number of the key to sign with. */
  readonly sign: number;
}

export const NO_KEYS: PairKeys = { slots: [null, null], sign: 0 };

export function isPaired({ slots }: PairKeys): boolean {
  return slots.some((key) => key !== null);
}

/** By what a node says that it has a key, without telling it. */
export function keyMark(key: Uint8Array): Buffer {
  const info = 'bridgewall probes mark';
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), info, MARK_BYTES));
}

/** What a node says of its keys. */
export interface HeldKeys {
  /** Marks by number; empty: there is none. */
  readonly held: readonly Uint8Array[];
  readonly sign: number;
}

export function heldKeys({ slots, sign }: PairKeys): { held: Buffer[]; sign: number } {
  return { held: slots.map((key) => (key === null ? Buffer.alloc(0) : keyMark(key))), sign };
}

/** Number of a key that both have, at best the one that the other node signs with; null: there is none. */
export function commonSlot({ slots }: PairKeys, { held, sign }: HeldKeys): number | null {
  const common = (slot: number) => {
    const key = slots[slot];
    return !!key && keyMark(key).equals(held[slot] ?? Buffer.alloc(0));
  };
  if (common(sign)) return sign;
  return [0, 1].find(common) ?? null;
}

/** Signed with is a key that is there, if one is. */
export function signable(keys: PairKeys): PairKeys {
  const { slots, sign } = keys;
  return slots[sign] === null && slots[1 - sign] !== null ? { ...keys, sign: 1 - sign } : keys;
}

/** Without that key, unless it is signed with, or another one is in its place by now. */
export function withoutKey(keys: PairKeys, slot: number, key: Buffer): PairKeys {
  const there = keys.slots[slot]?.equals(key) ?? false;
  return there && keys.sign !== slot ? withKey(keys, slot, null) : keys;
}

/**
 * A key of both contributions, for this pair alone (HKDF, RFC 5869, with SHA-256).
 * @param caller of the call in which they were exchanged, by name
 */
export function agreedKey(
  contributions: { readonly caller: Uint8Array; readonly callee: Uint8Array },
  caller: string,
  callee: string,
): Buffer {
  const secret = Buffer.concat([contributions.caller, contributions.callee]);
  const info = `bridgewall probes 1 ${caller.toLowerCase()} ${callee.toLowerCase()}`;
  return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), info, KEY_BYTES));
}

/** With another key in its place. */
export function withKey(keys: PairKeys, slot: number, key: Buffer | null): PairKeys {
  const slots: [Buffer | null, Buffer | null] = [keys.slots[0], keys.slots[1]];
  slots[slot] = key;
  return { ...keys, slots };
}
