/**
 * The cell: which generation slot judges, and the epoch under which states were judged. One aligned
 * word, so that every packet sees a switch whole. All writers are in this process and synchronous.
 */
import type { BpfMap } from '../../../native/lib/index.js';
import { cell as codec } from '../../generated/layouts.js';
import { index } from './object.js';

export class Cell {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  read(): { slot: number; epoch: number } {
    const { slot, epoch } = codec.decode(this.#map.lookup(index(0))!);
    return { slot, epoch };
  }

  /** Makes a slot the one that judges; every state is judged again at its next packet. */
  switchTo(slot: number): void {
    this.#write(slot, this.read().epoch + 1);
  }

  /** Has every state judged again at its next packet, under the same generation. */
  rejudge(): void {
    const { slot, epoch } = this.read();
    this.#write(slot, epoch + 1);
  }

  #write(slot: number, epoch: number): void {
    const word = codec.encode({ slot, epoch: epoch >>> 0 });
    this.#map.storeWord(0, word.readBigUInt64LE(0));
  }
}
