/**
 * Ends live connections that the policy no longer allows, also those that send nothing: a packet is
 * judged again by itself, a silent connection only by this. Asked for whenever what judges has
 * changed, it makes one pass at a time, and another one when it was asked meanwhile.
 */
import type { StatePasses } from '../dataplane/index.js';

export class StateCutter {
  readonly #passes: Pick<StatePasses, 'cut'>;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | null = null;
  #wanted = false;
  #closed = false;

  constructor(passes: Pick<StatePasses, 'cut'>, onError: (error: unknown) => void) {
    this.#passes = passes;
    this.#onError = onError;
  }

  ask(): void {
    this.#wanted = true;
    if (this.#running !== null || this.#closed) return;
    this.#running = this.#work();
  }

  /** Resolves once nothing runs any more; what is asked for later is not done. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #work(): Promise<void> {
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      await this.#passes.cut().catch(this.#onError);
    }
    // At once: who asks from here on is not to rely on this run.
    this.#running = null;
  }
}
