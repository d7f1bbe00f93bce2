/** What changes among established connections, out of the kernel in batches. */
import { RingBuffers } from '../../../../native/lib/index.js';
import * as layouts from '../../../generated/layouts.js';
import { type Dataplane, index } from '../object.js';
import { CHANGE_KINDS, type ChangeKind, KINDS } from './records.js';

/**
 * How long a record waits at most for others, in milliseconds. Ends come after whatever was read before them:
 * what is read before the last end of its bucket is taken for late.
 */
const DELAY_MS = 5;
const END_DELAY_MS = 15;

/** Takes whole records of one kind; `lost`: so many more were, since the batch before. */
export type OnChanges = (kind: ChangeKind, records: Uint8Array, lost: number) => void;

/** Reads changes until it is closed. The rings have one reader. */
export class ChangeReader {
  readonly #rings: readonly RingBuffers[];

  constructor(dataplane: Pick<Dataplane, 'map'>, onChanges: OnChanges) {
    this.#rings = CHANGE_KINDS.map(
      (kind) =>
        new RingBuffers(
          [dataplane.map(KINDS[kind].ring)],
          (slab, _, lost) => onChanges(kind, slab, lost),
          { maxDelayMs: kind === 'ends' || kind === 'ends4' ? END_DELAY_MS : DELAY_MS },
        ),
    );
  }

  close(): void {
    for (const ring of this.#rings) ring.close();
  }
}

/** Records that found no room in a ring, since the dataplane was loaded. */
export function changesLost(dataplane: Pick<Dataplane, 'map'>): number {
  const stats = dataplane.map('change_stats').lookup(index(0))!;
  return Number(layouts.changeStats.decode(stats).lost);
}
