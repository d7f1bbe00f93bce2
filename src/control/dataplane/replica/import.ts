/** What another node tells of its connections, into the table of this one. */
import * as layouts from '../../../generated/layouts.js';
import type { Dataplane } from '../object.js';
import { type ChangeKind, KINDS } from './records.js';

const { ChangeSizes } = layouts;

/** What became of records. */
export interface Imported {
  added: number;
  /** Were here, and are further on now. */
  moved: number;
  ended: number;
  /** Told nothing that was not known, or came too late. */
  stale: number;
  /** Found no room. */
  full: number;
  /** Make no sense. */
  bad: number;
}

export const NOTHING: Readonly<Imported> = {
  added: 0,
  moved: 0,
  ended: 0,
  stale: 0,
  full: 0,
  bad: 0,
};

/**
 * Merges whole records of one kind.
 * @param epoch the sender's epoch of roles when it read its tables
 * @throws RangeError bytes that are no whole number of records
 */
export function importRecords(
  dataplane: Pick<Dataplane, 'map' | 'program'>,
  kind: ChangeKind,
  epoch: number,
  bytes: Uint8Array,
): Imported {
  const { number, size } = KINDS[kind];
  if (bytes.length % size !== 0) {
    throw new RangeError(`${bytes.length} bytes of ${kind}: a record has ${size}`);
  }
  const sums = { ...NOTHING };
  // The widest record is read whole, wherever it begins.
  const room = ChangeSizes.IMPORT_BYTES - layouts.childChange.size;
  const step = room - (room % size);
  const memory = dataplane.map('import_batch').mmap();
  for (let from = 0; from < bytes.length; from += step) {
    const some = bytes.subarray(from, from + step);
    memory.set(some);
    const ctx = layouts.importCall.encode({
      ...NOTHING,
      ...{ kind: number, count: some.length / size, epoch, pad: 0 },
    });
    const done = layouts.importCall.decode(
      dataplane.program('import_changes').testRun({ ctx }).ctx,
    );
    for (const key of Object.keys(sums) as (keyof Imported)[]) sums[key] += done[key];
  }
  return sums;
}
