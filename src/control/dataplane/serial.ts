/** Work that must not overlap: each piece begins when the one before has ended, well or badly. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all work given before. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => {});
    return next;
  }
}
