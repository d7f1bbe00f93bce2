/** The keys of a pair: agreed between its nodes, at most two at a time. */
import { hkdfSync } from 'node:crypto';

/** Bytes that each node adds. */
export const CONTRIBUTION_BYTES = 32;
const KEY_BYTES = 16;

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

/** Number of the key that comes next: the place of the one that is not signed with. */
export function nextSlot(keys: PairKeys): number {
  return isPaired(keys) ? 1 - keys.sign : 0;
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
