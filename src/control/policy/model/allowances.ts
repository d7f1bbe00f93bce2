/**
 * How many new connections may still come: for each name a bucket that fills up steadily and holds as
 * much as may come at once. Times are jiffies; a bucket is the time at which it will be full again, in
 * parts of a jiffy as fine as the packet path counts them.
 */
import type { Rate } from '../rates.js';

const PARTS = 1n << 20n;

/** One bucket that a connection takes from. */
export interface Allowance {
  readonly name: string;
  readonly rate: Rate;
}

export class Allowances {
  readonly #hz: number;
  readonly #fullAt = new Map<string, bigint>();

  /** @param hz jiffies per second */
  constructor(hz: number) {
    this.#hz = hz;
  }

  /** Takes one from each if `may` then says so, or from none of them, as when one is empty. */
  take<Refusal>(from: readonly Allowance[], now: number, may: () => Refusal | null) {
    const after = new Map<string, bigint>();
    for (const { name, rate } of from) {
      const fullAt = this.#after(name, rate, now);
      if (fullAt === null) return 'rate';
      after.set(name, fullAt);
    }
    const refusal = may();
    if (refusal !== null) return refusal;
    for (const [name, fullAt] of after) this.#fullAt.set(name, fullAt);
    return null;
  }

  /** Forgets the buckets of names that are gone. */
  keep(isKept: (name: string) => boolean): void {
    for (const name of this.#fullAt.keys()) if (!isKept(name)) this.#fullAt.delete(name);
  }

  /** When the bucket will be full once one more is taken; null: there is none left. */
  #after(name: string, { count, seconds }: Rate, now: number): bigint | null {
    const at = BigInt(now) * PARTS;
    const second = BigInt(this.#hz) * PARTS;
    const period = second * BigInt(seconds);
    const step = (period + BigInt(count) - 1n) / BigInt(count);
    const span = step * BigInt(count);
    let fullAt = this.#fullAt.get(name) ?? 0n;
    if (fullAt > at + span + second) {
      // Emptied at another rate of the same name.
      fullAt = at + span;
      this.#fullAt.set(name, fullAt);
    }
    const after = (fullAt > at ? fullAt : at) + step;
    return after > at + span ? null : after;
  }
}
