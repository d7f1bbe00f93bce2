/** Numbers, windows and options of the segments of a random TCP conversation: mostly such as two stacks would send. */
import type { TcpOptions } from '../../packet/index.js';
import type { Random } from './random.js';

interface Speaker {
  isn: number;
  /** One past the last that it sent. */
  next: number;
  /** Right edge of the window that it offered last. */
  edge: number;
  shift: number;
}

const WINDOWS = [0, 1, 100, 1460, 5000, 29_200, 64_240, 65_535];
const NEAR = [-300, -2, -1, -1, 0, 0, 1, 1, 2, 300, 66_000, -66_000];

export class TcpNumbers {
  readonly #ends: readonly [Speaker, Speaker];

  constructor(random: Random) {
    this.#ends = [speaker(random), speaker(random)];
  }

  /** Header fields of the next segment with these flags, carrying so many bytes. */
  next(
    random: Random,
    flags: string,
    back: boolean,
    length: number,
  ): Required<Pick<TcpOptions, 'seq' | 'ack' | 'window'>> & { options?: Buffer } {
    const [from, to] = back ? [this.#ends[1], this.#ends[0]] : this.#ends;
    if (flags.includes('S') && !flags.includes('A') && random.oneIn(4)) {
      Object.assign(from, { ...speaker(random), shift: from.shift });
    }
    const honest = !random.oneIn(4);
    const seq = honest ? this.#honest(random, from, flags) : this.#odd(random, from, to);
    const ack = random.oneIn(8) ? this.#odd(random, to, from) : to.next;
    const window = random.oneIn(3) ? random.pick(WINDOWS) : 64_240;
    const end = (seq + length + (/[SF]/.test(flags) ? 1 : 0)) >>> 0;
    if (honest && ((end - from.next) | 0) > 0) from.next = end;
    from.edge = (ack + window * (flags.includes('S') ? 1 : 2 ** from.shift)) >>> 0;
    const options =
      flags.includes('S') && !random.oneIn(12)
        ? synOptions(random, from)
        : dataOptions(random, () => this.#odd(random, to, from));
    return { seq, ack, window, ...(options.length === 0 ? {} : { options }) };
  }

  #honest(random: Random, from: Speaker, flags: string): number {
    if (flags.includes('S')) return from.isn;
    // A keep-alive, or something once more.
    return random.oneIn(12) ? (from.next - random.pick([1, 12, 300])) >>> 0 : from.next;
  }

  /** At an edge, or beyond, or anywhere. */
  #odd(random: Random, of: Speaker, other: Speaker): number {
    if (random.oneIn(5)) return random.below(0x1_0000_0000);
    const at = random.pick([of.next, of.next, of.isn, other.edge, other.edge]);
    return (at + random.pick(NEAR)) >>> 0;
  }
}

function speaker(random: Random): Speaker {
  const isn = random.pick([
    random.below(0x1_0000_0000),
    0xffff_ffff - random.below(4000),
    0x7fff_ff00 + random.below(600),
    random.below(3),
  ]);
  return { isn, next: isn, edge: isn, shift: random.pick([0, 0, 2, 7, 14]) };
}

const TIMESTAMP = [8, 10, 0, 0, 0, 1, 0, 0, 0, 1];

function synOptions(random: Random, { shift }: Speaker): Buffer {
  const scale = random.oneIn(3) ? [] : [3, 3, random.oneIn(20) ? 15 : shift, 1];
  const sack = random.oneIn(3) ? [] : [4, 2];
  const stamp = random.oneIn(2) ? [] : TIMESTAMP;
  const odd = random.oneIn(12) ? random.pick([[5], [3, 1], [99, 3, 0], [0, 3, 3, 2], [3, 40]]) : [];
  return Buffer.from([2, 4, 5, 180, ...sack, ...stamp, ...scale, ...odd]);
}

function dataOptions(random: Random, edge: () => number): Buffer {
  if (random.oneIn(2)) return Buffer.from(random.oneIn(2) ? [] : [1, 1, ...TIMESTAMP]);
  if (!random.oneIn(3)) return Buffer.from(random.oneIn(6) ? [1, 5, 7, 0, 0, 8, 4, 1] : []);
  const blocks = random.between(0, 4);
  const option = Buffer.alloc(4 + 8 * blocks, 1);
  option.set([5, 2 + 8 * blocks], 2);
  for (let block = 0; block < blocks; block++) {
    const right = edge();
    option.writeUInt32BE((right - 1000) >>> 0, 4 + 8 * block);
    option.writeUInt32BE(right, 8 + 8 * block);
  }
  return option;
}
