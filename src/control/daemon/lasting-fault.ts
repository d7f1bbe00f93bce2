/** Something that may be wrong: told once it has been for a while, and once it has not been for as long. */
export class LastingFault {
  readonly #patienceMs: number;
  readonly #tell: (why: string | null) => void;
  readonly #now: () => number;
  #why: string | null = null;
  #at = '';
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

  /** What is wrong, as far as it was told, and since when (ISO 8601); null: nothing. */
  get fault(): { readonly why: string; readonly since: string } | null {
    return this.#why === null ? null : { why: this.#why, since: this.#at };
  }

  /** Looks again, a few times a second. */
  look(wrong: string | null): void {
    const now = this.#now();
    if ((wrong !== null) === (this.#why !== null)) {
      this.#since = now;
      this.#why = wrong;
      return;
    }
    if (now - this.#since < this.#patienceMs) return;
    this.#why = wrong;
    this.#at = new Date().toISOString();
    this.#since = now;
    this.#tell(wrong);
  }
}
