/** Tables full of connections that no packet opened. */
import type { BpfMap } from '../../../native/lib/index.js';
import * as layouts from '../../../src/generated/layouts.js';
import { wideBytes } from '../../packet/index.js';

const { Phase } = layouts;
const BATCH = 32768;
const TCP = 6;
/** The higher end of all of them. */
const SERVER = '192.0.2.25';
/** Where the number of a connection stands in its key: the last bytes of the lower address. */
const NUMBER_AT = 13;

/**
 * Fills `established` with TCP connections 0 ... count-1 of clients in 10.0.0.0/8.
 * @param seen jiffies of the last packet of each
 * @param like what else is in each of them
 */
export function fillEstablished(
  wall: { map(name: 'established'): BpfMap },
  count: number,
  seen: (number: number) => bigint,
  like: Partial<layouts.State> = {},
): void {
  const key = layouts.stateKey.encode({
    low: { byte: wideBytes('10.0.0.0') },
    high: { byte: wideBytes(SERVER) },
    lowPort: 40000,
    highPort: 25,
    tag: [0, 0],
    proto: TCP,
    family: 4,
    pad: new Uint8Array(2),
  });
  const blank = layouts.state.decode(Buffer.alloc(layouts.state.size));
  const value = layouts.state.encode({ ...blank, ...like, word: Phase.ESTABLISHED });
  const map = wall.map('established');
  for (let from = 0; from < count; from += BATCH) {
    const many = Math.min(BATCH, count - from);
    const keys = Buffer.alloc(many * key.length);
    const values = Buffer.alloc(many * value.length);
    for (let i = 0; i < many; i++) {
      key.copy(keys, i * key.length);
      keys.writeUIntBE(from + i, i * key.length + NUMBER_AT, 3);
      value.copy(values, i * value.length);
      values.writeBigUInt64LE(seen(from + i), i * value.length);
    }
    map.updateBatch(keys, values, many);
  }
}

/** Numbers of those that are still in the table, alive or not. */
export function filledLeft(wall: { map(name: 'established'): BpfMap }): Set<number> {
  const left = new Set<number>();
  const size = layouts.stateKey.size;
  for (const { keys, count } of wall.map('established').entries(BATCH)) {
    for (let i = 0; i < count; i++) {
      if (keys[i * size + NUMBER_AT - 1] === 10) left.add(keys.readUIntBE(i * size + NUMBER_AT, 3));
    }
  }
  return left;
}
