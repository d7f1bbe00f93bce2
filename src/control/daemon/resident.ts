/**
 * Keeps a daemon that rests small. Nine parts in ten of the program of Node.js, and what it reads of its own
 * constants, are for the start: they are let go of then, and whenever something has needed them again.
 */
import { releaseFilePages } from '../../../native/lib/index.js';

/** After a start: by then nothing of it is under way. */
const FIRST_MS = 10_000;
const AGAIN_MS = 60_000;

/** Lets go of pages of files now and then, until it is closed. */
export function releasePages(onError: (error: unknown) => void): { close(): void } {
  const release = () => {
    timer = setTimeout(release, AGAIN_MS).unref();
    try {
      releaseFilePages();
    } catch (error) {
      clearTimeout(timer);
      onError(error);
    }
  };
  let timer = setTimeout(release, FIRST_MS).unref();
  return { close: () => clearTimeout(timer) };
}
