/** Maps of the pair without a kernel. */
import type { Dataplane } from '../../../../src/control/dataplane/index.js';
import * as layouts from '../../../../src/generated/layouts.js';

export class PairMaps implements Pick<Dataplane, 'map'> {
  readonly pair = Buffer.alloc(layouts.pair.size);
  readonly heard = Buffer.alloc(2 * layouts.heard.size);
  readonly #counters = new Map<string, Buffer>();

  map(name: string): never {
    const memory = { pair: this.pair, heard: this.heard }[name];
    const played = {
      mmap: () => memory,
      lookup: (key: Buffer) =>
        this.#counters.get(key.toString('hex')) ?? Buffer.alloc(layouts.probeCounter.size),
      update: (key: Buffer, value: Buffer) => this.#counters.set(key.toString('hex'), value),
    };
    return played as never;
  }

  get now(): layouts.Pair {
    return layouts.pair.decode(this.pair);
  }

  /** Something was heard on the uplink side with that key. */
  hear(slot: number, counter: bigint): void {
    this.heard.writeBigUInt64LE(counter, layouts.heard.offsets.counter + slot * 8);
  }

  get counters(): readonly bigint[] {
    return layouts.heard.decode(this.heard).counter;
  }
}
