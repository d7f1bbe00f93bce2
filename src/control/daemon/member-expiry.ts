/**
 * Takes out members whose time is over. For packets they are absent by themselves; this frees their room,
 * and has the live connections judged again that only their membership allowed.
 */
/** Between two looks while somebody's time is over. */
const INTERVAL_MS = 100;
/** Without need. */
const REST_MS = 60_000;

/** What this needs of the sets. */
export interface ExpiringSets {
  /** Returns whether somebody's time was over. */
  sweep(): Promise<boolean>;
  /** Milliseconds until somebody's time is over; Infinity: nobody's ever is. */
  untilDue(): number;
  /** Calls back when a member comes whose time will be over. */
  onTimed: () => void;
}

export class MemberExpiry {
  readonly #sets: ExpiringSets;
  readonly #onLeft: () => void;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | null = null;
  /** When the next look is. */
  #at = 0;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(sets: ExpiringSets, onLeft: () => void, onError: (error: unknown) => void) {
    this.#sets = sets;
    this.#onLeft = onLeft;
    this.#onError = onError;
  }

  start(): void {
    this.#sets.onTimed = () => this.#hasten();
    this.#schedule(INTERVAL_MS);
  }

  #schedule(ms: number): void {
    this.#at = performance.now() + ms;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#running = this.#work();
    }, ms);
    this.#timer.unref();
  }

  /** Somebody's time may be over before the next look. */
  #hasten(): void {
    if (this.#stopped || this.#timer === null || this.#at - performance.now() <= INTERVAL_MS)
      return;
    clearTimeout(this.#timer);
    this.#schedule(INTERVAL_MS);
  }

  /** Resolves once nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #work(): Promise<void> {
    let rest = INTERVAL_MS;
    try {
      if (await this.#sets.sweep()) this.#onLeft();
      rest = Math.min(REST_MS, Math.max(INTERVAL_MS, this.#sets.untilDue()));
    } catch (error) {
      this.#onError(error);
    }
    if (!this.#stopped) this.#schedule(rest);
  }
}
