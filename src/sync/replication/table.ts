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

/** A message came again, or after one that it was sent before. */
export class ReplayedError extends Error {
  override readonly name = 'ReplayedError';
}

export interface Choice {
  readonly until: bigint;
  readonly buckets: Uint8Array;
}

/** What came out of the kernel at once. */
export interface ChangeBatch {
  /** Whole records of one kind each, in the order in which they are to be taken. */
  readonly runs: readonly { readonly kind: RecordKind; readonly records: Uint8Array }[];
  /** So many records were lost since the batch before. */
  readonly lost: number;
}

export interface ConnectionTable {
  /** Whether packets pass here, and since which change of roles. */
  readonly role: { readonly active: boolean; readonly epoch: number };
  /** Records that found no room on their way out of the kernel. */
  readonly lost: number;
  /** Milliseconds; the unit of every time here. */
  now(): number;
  readChanges(onChanges: (batch: ChangeBatch) => void): { close(): void };
  /** Whether these are whole records of that kind. */
  isWhole(kind: RecordKind, records: Uint8Array): boolean;
  take(kind: RecordKind, epoch: number, records: Uint8Array): Taken;
  bornBefore(seconds: number): bigint;
  digests(until: bigint): Promise<{ readonly bytes: Uint8Array; readonly count: number }>;
  tell(choice: Choice): AsyncIterable<Uint8Array>;
  tellChildren(): AsyncIterable<Uint8Array>;
  tellMoved(sinceMs: number): AsyncIterable<Uint8Array>;
  drop(choice: Choice): Promise<number>;
  /** Buckets of which something began or ended since `forgetTouched`, of what was born no later. */
  touched(until: bigint): Uint8Array;
  forgetTouched(): void;
  birthdays(): { epoch: number; offsetMs: number }[];
  noteBirthday(epoch: number, offsetMs: number): void;
}
