/**
 * Addresses that filters of states name, in map `picked`: a bit for each set of them, so that several
 * filters are in force at once. They are sets of their own because numbers of hosts belong to a
 * generation, which may go away in the middle of a pass.
 */
import { DataplaneError } from './errors.js';
import { type Dataplane, index } from './object.js';

const BITS = 32;

/** A set of addresses that is in the map until it is disposed of. */
export interface Picked extends Disposable {
  readonly bit: number;
}

export class Picks {
  readonly #dataplane: Pick<Dataplane, 'map'>;
  #taken = 0;

  constructor(dataplane: Pick<Dataplane, 'map'>) {
    this.#dataplane = dataplane;
  }

  /**
   * @param addresses 16 bytes each
   * @throws DataplaneError `busy` when all bits are taken
   */
  hold(addresses: readonly Uint8Array[]): Picked {
    const picked = this.#dataplane.map('picked');
    // The map outlives a daemon that was killed in a pass, and what it had picked with it.
    if (this.#taken === 0) {
      for (const { keys, count } of [...picked.entries()]) picked.deleteBatch(keys, count);
    }
    const bit = this.#free();
    this.#taken = (this.#taken | bit) >>> 0;
    for (const address of addresses)
      picked.update(address, index((this.#bits(address) | bit) >>> 0));
    return { bit, [Symbol.dispose]: () => this.#release(bit, addresses) };
  }

  #free(): number {
    for (let i = 0; i < BITS; i++) {
      const bit = (1 << i) >>> 0;
      if ((this.#taken & bit) === 0) return bit;
    }
    throw new DataplaneError('busy', `${BITS} other filters name hosts just now: try again`);
  }

  #bits(address: Uint8Array): number {
    return this.#dataplane.map('picked').lookup(address)?.readUInt32LE(0) ?? 0;
  }

  #release(bit: number, addresses: readonly Uint8Array[]): void {
    const picked = this.#dataplane.map('picked');
    for (const address of addresses) {
      const left = (this.#bits(address) & ~bit) >>> 0;
      if (left === 0) picked.delete(address);
      else picked.update(address, index(left));
    }
    this.#taken = (this.#taken & ~bit) >>> 0;
  }
}
