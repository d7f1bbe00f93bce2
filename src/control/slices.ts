/**
 * Long work on the event loop, in slices: a generator yields wherever it may be interrupted. What is
 * mirrored from the kernel is refreshed and repaired on this loop, so nothing may hold it for long.
 */
import { setImmediate } from 'node:timers/promises';

/** Work that can be interrupted at each yield. */
export type Sliced<T> = Generator<void, T, void>;

/** Milliseconds after which the event loop has its turn. */
const SLICE_MS = 10;

/** Does all of it now. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Does it with a turn of the event loop between slices. */
export async function inSlices<T>(work: Sliced<T>): Promise<T> {
  for (;;) {
    const until = performance.now() + SLICE_MS;
    do {
      const { done, value } = work.next();
      if (done) return value;
    } while (performance.now() < until);
    await turn();
  }
}

/** Lets the event loop have its turn. */
export async function turn(): Promise<void> {
  await setImmediate();
}
