/** Something that may be asked for often and done seldom: at once, then at most once an interval. */
export class Coalesced {
  readonly #work: () => void;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | null = null;
  #wanted = false;

  constructor(work: () => void, intervalMs: number) {
    this.#work = work;
    this.#intervalMs = intervalMs;
  }

  ask(): void {
    if (this.#timer !== null) {
      this.#wanted = true;
      return;
    }
    this.#work();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (!this.#wanted) return;
      this.#wanted = false;
      this.ask();
    }, this.#intervalMs);
  }

  /** Does what is still wanted, and nothing after. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#wanted) this.#work();
    this.#wanted = false;
  }
}
