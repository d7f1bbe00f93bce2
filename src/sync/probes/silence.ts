/**
 * For how long nothing has come by a path, as the thread of the prober has seen it. While that sleeps no probes leave, and
 * no silence means anything. But what it has seen before and after adds up: a thread that gets its processor for a
 * moment now and then has to find out as well that the other node is dead.
 */
export class Silence {
  #at = -1n;
  #looked = 0n;
  #length = 0n;

  /**
   * To be asked at every look. All in nanoseconds of one clock.
   * @param at when something came last
   * @param looked when the thread looked last
   * @param awake when it woke up last
   */
  seen(at: bigint, looked: bigint, awake: bigint): bigint {
    if (at > this.#at) this.#length = looked - later(at, awake);
    else if (looked > this.#looked) this.#length += looked - later(this.#looked, awake);
    this.#at = at;
    this.#looked = looked;
    return this.#length;
  }
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
