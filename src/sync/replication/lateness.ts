/**
 * How late messages are, without knowing how far apart the clocks of the two nodes are: the quickest of the
 * last minutes took no time, and all others are measured by it.
 */

/** Milliseconds; of two halves one is always whole. */
const HALF_MS = 60_000;

export class Lateness {
  #best = Number.POSITIVE_INFINITY;
  #before = Number.POSITIVE_INFINITY;
  #since = Number.NEGATIVE_INFINITY;

  /**
   * How late a message is.
   * @param sent by the sender's clock
   * @param now by the receiver's
   */
  of(sent: number, now: number): number {
    if (now - this.#since >= HALF_MS) {
      this.#before = this.#best;
      this.#best = Number.POSITIVE_INFINITY;
      this.#since = now;
    }
    const apart = now - sent;
    this.#best = Math.min(this.#best, apart);
    return apart - Math.min(this.#best, this.#before);
  }
}
