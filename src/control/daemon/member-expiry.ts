/**
 * Takes out members whose time is over. For packets they are absent by themselves; this frees their room,
 * and has the live connections judged again that only their membership allowed.
 */
const INTERVAL_MS = 100;

/** What this needs of the sets. */
export interface ExpiringSets {
  /** Returns whether somebody's time was over. */
  sweep(): Promise<boolean>;
}

export class MemberExpiry {
  readonly #sets: ExpiringSets;
  readonly #onLeft: () => void;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(sets: ExpiringSets, onLeft: () => void, onError: (error: unknown) => void) {
    this.#sets = sets;
    this.#onLeft = onLeft;
    this.#onError = onError;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#work();
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  /** Resolves once nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #work(): Promise<void> {
    try {
      if (await this.#sets.sweep()) this.#onLeft();
    } catch (error) {
      this.#onError(error);
    }
    if (!this.#stopped) this.start();
  }
}
