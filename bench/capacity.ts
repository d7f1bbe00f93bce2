/**
 * The capacity model: from nanoseconds per packet and bytes per connection to packets, gigabits and connections a
 * second, cores and memory. Pure arithmetic; docs/on-real-hardware.md says what it rests on.
 */

/** Kernel memory of a wall, in bytes. */
export interface Memory {
  /** For every connection that there is room for, used or not. */
  readonly perState: number;
  /** For every rule of a policy that stands; a second one stands beside it while it is replaced. */
  readonly perRule: number;
  readonly perCpu: number;
  readonly fixed: number;
}

/** Traffic as the wire sees it. */
export interface Mix {
  readonly name: string;
  /** Frames with their checksum, and how many of each go by. */
  readonly frames: readonly { readonly bytes: number; readonly count: number }[];
}

/** Preamble and gap of a frame on the wire. */
const BETWEEN = 20;
const BITS = 8;
const GIGA = 1e9;

const one = (bytes: number, name: string): Mix => ({ name, frames: [{ bytes, count: 1 }] });

/** The mixes of the tables. IMIX: IP packets of 40, 576 and 1,500 bytes by 7, 4 and 1. */
export const MIXES: readonly Mix[] = [
  one(64, '64 bytes'),
  {
    name: 'IMIX',
    frames: [
      { bytes: 64, count: 7 },
      { bytes: 594, count: 4 },
      { bytes: 1518, count: 1 },
    ],
  },
  one(512, '512 bytes'),
  one(1518, '1,518 bytes'),
];

/** Bits that a frame of the mix takes of the wire, on average. */
export function bitsOf(mix: Mix): number {
  const count = mix.frames.reduce((sum, frame) => sum + frame.count, 0);
  const bytes = mix.frames.reduce((sum, frame) => sum + frame.count * (frame.bytes + BETWEEN), 0);
  return (bytes / count) * BITS;
}

/** Frames a second, one way, of a full wire of so many Gbit/s. */
export function lineRate(gbits: number, mix: Mix): number {
  return (gbits * GIGA) / bitsOf(mix);
}

/**
 * How many cores' worth so many cores do. `contention` is the share of the work that one more core makes every other
 * one wait: 0 is none.
 */
export function effective(cores: number, contention: number): number {
  return cores / (1 + contention * (cores - 1));
}

/** The contention that makes two cores do `efficiency` of twice the work of one; never below 0. */
export function contentionOf(efficiency: number): number {
  return Math.max(0, 1 / efficiency - 1);
}

/** What so many cores can do a second, of what takes one of them `ns`. */
export function perSecond(ns: number, cores: number, contention = 0): number {
  return (GIGA / ns) * effective(cores, contention);
}

/** Gbit/s on the wire of so many frames a second. */
export function gbits(framesPerSecond: number, mix: Mix): number {
  return (framesPerSecond * bitsOf(mix)) / GIGA;
}

/** The least number of cores, each busy for `load` of its time, that does it; null: no number does. */
export function coresFor(
  wanted: number,
  o: { readonly ns: number; readonly contention: number; readonly load: number },
): number | null {
  const needed = (wanted * o.ns) / GIGA / o.load;
  // cores / (1 + c (cores - 1)) >= needed, solved for cores.
  const rest = 1 - needed * o.contention;
  if (rest <= 0) return null;
  const cores = (needed * (1 - o.contention)) / rest;
  return Math.max(1, Math.ceil(cores - 1e-9));
}

/** Connections in the table when so many a second come, each stays `seconds`, and for `linger` after its end. */
export function statesFor(rate: number, seconds: number, linger: number): number {
  return Math.ceil(rate * (seconds + linger));
}

/** Bytes of kernel memory. While a policy is replaced both stand. */
export function memoryFor(
  memory: Memory,
  o: { readonly states: number; readonly rules: number; readonly cpus: number },
): number {
  const { fixed, perCpu, perState, perRule } = memory;
  return fixed + perCpu * o.cpus + perState * o.states + 2 * perRule * o.rules;
}
