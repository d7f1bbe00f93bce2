/** What changes among established connections, out of the kernel in batches. */
import { RingBuffers } from '../../../../native/lib/index.js';
import * as layouts from '../../../generated/layouts.js';
import { type Dataplane, index } from '../object.js';
import { CHANGE_KINDS, type ChangeKind, KINDS } from './records.js';

/**
 * Milliseconds between two batches. A batch costs each node what some seventy connections do: after one that
 * carried as many the next one goes sooner, and what comes after a rest does not wait.
 */
const BATCH_MS = 16;
/** Seventy connections and their ends. From 9,000 a second on every batch is like that, below 4,500 none is. */
const DENSE = { bytes: 6144, delayMs: 8 };
/** Of one batch; more are several. */
const BATCH_BYTES = 1 << 18;

/** What came at once. */
export interface ChangeBatch {
  /** Whole records of one kind each; what ends comes after all that was told before. */
  readonly runs: readonly { readonly kind: ChangeKind; readonly records: Uint8Array }[];
  /** So many records were lost since the batch before. */
  readonly lost: number;
}

export type OnChanges = (batch: ChangeBatch) => void;

/** Reads changes until it is closed. The rings have one reader. */
export class ChangeReader {
  readonly #rings: RingBuffers;

  constructor(dataplane: Pick<Dataplane, 'map'>, onChanges: OnChanges) {
    this.#rings = new RingBuffers(
      CHANGE_KINDS.map((kind) => dataplane.map(KINDS[kind].ring)),
      (slab, words, lost) => onChanges({ runs: runsOf(slab, words), lost }),
      { maxDelayMs: BATCH_MS, dense: DENSE, slabBytes: BATCH_BYTES, runs: true },
    );
  }

  close(): void {
    this.#rings.close();
  }
}

function runsOf(slab: Buffer, words: Uint32Array): ChangeBatch['runs'] {
  const runs: { kind: ChangeKind; records: Uint8Array }[] = [];
  for (let i = 0; i < words.length; i += 3) {
    const at = words[i]!;
    const records = slab.subarray(at, at + words[i + 1]!);
    runs.push({ kind: CHANGE_KINDS[words[i + 2]!]!, records });
  }
  return runs;
}

/** Records that found no room in a ring, since the dataplane was loaded. */
export function changesLost(dataplane: Pick<Dataplane, 'map'>): number {
  const stats = dataplane.map('change_stats').lookup(index(0))!;
  return Number(layouts.changeStats.decode(stats).lost);
}
