/**
 * The role word. The packet path reads it once per frame and may set it to standby by itself; so whoever
 * writes it says what it was.
 */
import { RoleFlags } from '../../generated/layouts.js';
import type { Dataplane } from './object.js';

export interface RoleWord {
  readonly standby: boolean;
  /** Since which change of roles of the pair. */
  readonly epoch: number;
}

export class Role {
  readonly #dataplane: Pick<Dataplane, 'map'>;

  constructor(dataplane: Pick<Dataplane, 'map'>) {
    this.#dataplane = dataplane;
  }

  read(): RoleWord {
    return decoded(this.#word());
  }

  /** Makes it so, unless it is no longer what it was; what else the word says stays. Returns whether it is so. */
  change(was: RoleWord, to: RoleWord): boolean {
    for (;;) {
      const word = this.#word();
      const now = decoded(word);
      if (now.standby !== was.standby || now.epoch !== was.epoch) return false;
      const others = word & 0xffffffffn & ~BigInt(RoleFlags.STANDBY);
      const flags = others | (to.standby ? BigInt(RoleFlags.STANDBY) : 0n);
      const next = (BigInt(to.epoch >>> 0) << 32n) | flags;
      if (this.#dataplane.map('role').swapWord(0, word, next)) return true;
    }
  }

  /** Has the packet path tell what changes, from now on. */
  replicate(): void {
    const map = this.#dataplane.map('role');
    let word = this.#word();
    // Another writer, the packet path among them, goes first.
    while (!map.swapWord(0, word, word | BigInt(RoleFlags.REPLICATES))) word = this.#word();
  }

  /** Of a node that is alone: everything passes, and nobody wants to know. */
  clear(): void {
    this.#dataplane.map('role').storeWord(0, 0n);
  }

  #word(): bigint {
    return this.#dataplane.map('role').loadWord(0);
  }
}

function decoded(word: bigint): RoleWord {
  return {
    standby: (word & BigInt(RoleFlags.STANDBY)) !== 0n,
    epoch: Number(word >> 32n),
  };
}
