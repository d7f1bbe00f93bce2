/**
 * The cell: which generation slot judges, whether that still has to be confirmed, and the epoch under
 * which states were judged. One aligned word, so that every packet sees a switch whole. All writers
 * are in this process and synchronous.
 */
import type { BpfMap } from '../../../native/lib/index.js';
import { CellFlags, cell as codec } from '../../generated/layouts.js';
import { index } from './object.js';

/** What the cell says. */
export interface CellValue {
  readonly slot: number;
  readonly epoch: number;
  /** The generation gives way to its fallback at its deadline. */
  readonly unconfirmed: boolean;
}

/** Epochs move by two: the one in between is the fallback's, once the deadline has passed. */
export const EPOCH_STEP = 2;

export class Cell {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  read(): CellValue {
    const { slot, flags, epoch } = codec.decode(this.#map.lookup(index(0))!);
    return { slot, epoch, unconfirmed: (flags & CellFlags.UNCONFIRMED) !== 0 };
  }

  /** Makes a slot the one that judges; every state is judged again at its next packet. */
  switchTo(slot: number, unconfirmed = false): void {
    this.#write({ slot, unconfirmed, epoch: this.read().epoch + EPOCH_STEP });
  }

  /** Has every state judged again at its next packet, under the same generation. */
  rejudge(): void {
    const now = this.read();
    this.#write({ ...now, epoch: now.epoch + EPOCH_STEP });
  }

  /** Takes the deadline off the generation that judges. */
  confirm(): void {
    this.#write({ ...this.read(), unconfirmed: false });
  }

  /** Goes on with the epoch of another cell: what was judged under it stays judged. */
  continueAt(epoch: number): void {
    this.#write({ ...this.read(), epoch });
  }

  #write({ slot, epoch, unconfirmed }: CellValue): void {
    const flags = unconfirmed ? CellFlags.UNCONFIRMED : 0;
    const word = codec.encode({ slot, flags, epoch: epoch >>> 0 });
    this.#map.storeWord(0, word.readBigUInt64LE(0));
  }
}
