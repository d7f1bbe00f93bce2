/** Something that may be wrong: told once it has been for a while, and once it has not been for as long. */
export class Alarm {
  readonly #patienceMs: number;
  readonly #tell: (why: string | null) => void;
  readonly #now: () => number;
  #told = false;
  /** When it was last as it is told. */
  #since: number;

  /** @param tell what is wrong, or null: nothing any more */
  constructor(
    patienceMs: number,
    tell: (why: string | null) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#patienceMs = patienceMs;
    this.#tell = tell;
    this.#now = now;
    this.#since = now();
  }

  /** Looks again, a few times a second. */
  look(wrong: string | null): void {
    const now = this.#now();
    if ((wrong !== null) === this.#told) {
      this.#since = now;
      return;
    }
    if (now - this.#since < this.#patienceMs) return;
    this.#told = !this.#told;
    this.#since = now;
    this.#tell(wrong);
  }
}
