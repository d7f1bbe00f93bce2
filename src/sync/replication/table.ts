/** What replication needs of a table of connections. It knows neither records nor kernels. */

export type RecordKind = 'children' | 'states4' | 'states' | 'ends4' | 'ends';

/** In the order in which they are taken out of a message: what is over goes last. */
export const RECORD_KINDS: readonly RecordKind[] = [
  'children',
  'states4',
  'states',
  'ends4',
  'ends',
];

/** What became of records, see import.ts of the dataplane. */
export interface Taken {
  readonly added: number;
  readonly moved: number;
  readonly ended: number;
  readonly stale: number;
  readonly full: number;
  readonly bad: number;
}

/** Bytes that are no whole number of records. */
export class GarbledError extends Error {
  override readonly name = 'GarbledError';
}

export interface Choice {
  readonly until: bigint;
  readonly buckets: Uint8Array;
}

export interface ConnectionTable {
  /** Whether packets pass here, and since which change of roles. */
  readonly role: { readonly active: boolean; readonly epoch: number };
  /** Records that found no room on their way out of the kernel. */
  readonly lost: number;
  /** Milliseconds; the unit of every time here. */
  now(): number;
  readChanges(onChanges: (kind: RecordKind, records: Uint8Array, lost: number) => void): {
    close(): void;
  };
  /** Whether these are whole records of that kind. */
  isWhole(kind: RecordKind, records: Uint8Array): boolean;
  take(kind: RecordKind, epoch: number, records: Uint8Array): Taken;
  bornBefore(seconds: number): bigint;
  digests(until: bigint): Promise<{ readonly bytes: Uint8Array; readonly count: number }>;
  tell(choice: Choice): AsyncIterable<Uint8Array>;
  tellChildren(): AsyncIterable<Uint8Array>;
  tellMoved(sinceMs: number): AsyncIterable<Uint8Array>;
  drop(choice: Choice): Promise<number>;
  touched(): Uint8Array;
  forgetTouched(): void;
  birthdays(): { epoch: number; offsetMs: number }[];
  noteBirthday(epoch: number, offsetMs: number): void;
}
