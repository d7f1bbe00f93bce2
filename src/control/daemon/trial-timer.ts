/** Looks after a generation on trial: comes back once its time is over. The packet path needs none of it. */

/** After the deadline: packets that were under way before it have been judged by then. */
const GRACE_MS = 100;
const RETRY_MS = 1000;
/** Timers cannot be set for longer; who is woken early starts anew. */
const LONGEST_MS = 3_600_000;

export class TrialTimer {
  readonly #onOver: () => Promise<unknown>;
  readonly #warn: (message: string) => void;
  #timer: NodeJS.Timeout | null = null;

  /** @param onOver tried again every second for as long as it fails */
  constructor(onOver: () => Promise<unknown>, warn: (message: string) => void) {
    this.#onOver = onOver;
    this.#warn = warn;
  }

  /** Comes back in so many seconds; what was set before is off. */
  start(seconds: number): void {
    this.#set(Math.min(seconds * 1000 + GRACE_MS, LONGEST_MS));
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #set(ms: number): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#onOver().catch((error: unknown) => {
        this.#warn(`the generation that was not confirmed stays for now: ${String(error)}`);
        this.#set(RETRY_MS);
      });
    }, ms);
    this.#timer.unref();
  }
}
