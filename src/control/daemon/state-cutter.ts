/**
 * Ends live connections that the policy no longer allows, also those that send nothing: a packet is
 * judged again by itself, a silent connection only by this. Asked for whenever what judges has
 * changed, it makes one pass at a time, and another one when it was asked meanwhile.
 *
 * Packets come first: one that is dropped tells its reader why (`denied`, `no-in`), while those of a
 * connection that a pass has ended belong to none (`no-state`). So a pass begins a moment later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatePasses } from '../dataplane/index.js';

/** For packets; with the pause between two changes of sets and a pass over full tables, a second. */
const GRACE_MS = 250;

export class StateCutter {
  readonly #passes: Pick<StatePasses, 'cut'>;
  readonly #onError: (error: unknown) => void;
  readonly #graceMs: number;
  readonly #ending = new AbortController();
  #running: Promise<void> | null = null;
  #wanted = false;
  #closed = false;

  constructor(
    passes: Pick<StatePasses, 'cut'>,
    onError: (error: unknown) => void,
    graceMs = GRACE_MS,
  ) {
    this.#passes = passes;
    this.#onError = onError;
    this.#graceMs = graceMs;
  }

  ask(): void {
    this.#wanted = true;
    if (this.#running !== null || this.#closed) return;
    this.#running = this.#work();
  }

  /** Resolves once nothing runs any more; what is asked for later is not done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ending.abort();
    await this.#running;
  }

  async #work(): Promise<void> {
    while (this.#wanted && !this.#closed) {
      await this.#grace();
      if (this.#closed) break;
      this.#wanted = false;
      await this.#passes.cut().catch(this.#onError);
    }
    // At once: who asks from here on is not to rely on this run.
    this.#running = null;
  }

  async #grace(): Promise<void> {
    const { signal } = this.#ending;
    await sleep(this.#graceMs, undefined, { signal }).catch(() => {});
  }
}
