/** Changes of members as the kernel makes them: a batch of packed addresses per call. */
import * as layouts from '../../generated/layouts.js';
import type { PackedAddresses } from '../service.js';
import type { Dataplane } from './object.js';

const { ChangeKind, ChangeFlags } = layouts;

/** Addresses of one batch. */
export const BATCH = layouts.Limits.MEMBER_BATCH;
/** Of records with a time to live, which are longer. */
export const RECORD_BATCH = Math.floor((BATCH * 16) / layouts.memberRecord.size);

export type { PackedAddresses };

/** Also as struct member_record: an address, and seconds that are left. */
export interface PackedMembers {
  readonly width: PackedAddresses['width'] | 20;
  readonly bytes: Uint8Array;
}

export type Change = keyof typeof KINDS;

const KINDS = {
  check: ChangeKind.CHECK,
  add: ChangeKind.ADD,
  remove: ChangeKind.REMOVE,
} as const;

/** What a change is to heed. */
export interface ChangeRules {
  /** The group. */
  readonly bit: number;
  /** Members that it may have. */
  readonly max: number;
  /** Screened hosts may be members. */
  readonly allowScreened: boolean;
  /** Who is a member stays one as he is. */
  readonly keep?: boolean;
  /** Slot of the generation whose screened hosts count. */
  readonly slot: number;
  /** Jiffies; 0: for good. */
  readonly until: bigint;
  /** The load that this change is part of, or that it shall survive. */
  readonly mark?: { readonly number: number; readonly marked: number; readonly own: boolean };
}

/** What became of a batch. `refusal` is about the address number `done`. */
export interface BatchResult {
  readonly done: number;
  readonly changed: number;
  /** Addresses that the load has named so far. */
  readonly marked: number;
  readonly refusal: number;
}

/** Cuts packed addresses into batches. */
export function* batches({ width, bytes }: PackedMembers): Generator<PackedMembers> {
  const step = (width > 16 ? RECORD_BATCH : BATCH) * width;
  for (let from = 0; from < bytes.length; from += step) {
    yield { width, bytes: bytes.subarray(from, from + step) };
  }
}

/** How many addresses that are. */
export function countOf({ width, bytes }: PackedMembers): number {
  return Math.floor(bytes.length / width);
}

/** The address of that number, in 16 bytes. */
export function addressAt({ width, bytes }: PackedMembers, number: number): Uint8Array {
  const length = Math.min(width, 16);
  const found = bytes.subarray(number * width, number * width + length);
  const address = new Uint8Array(16);
  if (width === 4) address.fill(0xff, 10, 12);
  address.set(found, 16 - length);
  return address;
}

/** Runs one batch; returns once it is done. One may run at a time, as they do in one thread. */
export function changeBatch(
  dataplane: Pick<Dataplane, 'map' | 'program'>,
  kind: Change,
  addresses: PackedMembers,
  { bit, max, allowScreened, keep = false, slot, until, mark }: ChangeRules,
): BatchResult {
  dataplane.map('member_batch').mmap().set(addresses.bytes);
  const own = mark?.own === true ? ChangeFlags.FRESH : 0;
  const ctx = layouts.memberChange.encode({
    kind: KINDS[kind],
    flags: (allowScreened ? ChangeFlags.SCREENED : 0) | (keep ? ChangeFlags.KEEP : 0) | own,
    group: bit,
    slot,
    width: addresses.width,
    count: countOf(addresses),
    max,
    mark: mark?.number ?? 0,
    until,
    marked: mark?.marked ?? 0,
    ...{ done: 0, changed: 0, refusal: 0 },
  });
  return layouts.memberChange.decode(dataplane.program('change_members').testRun({ ctx }).ctx);
}
