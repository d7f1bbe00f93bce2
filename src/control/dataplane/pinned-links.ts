/**
 * Links by their pins, opened once: a guard that looks at each of them twice a second would open and close them
 * all day. The pin is what counts; a link whose pin has gone is let go of.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { BpfLink } from '../../../native/lib/index.js';

/** One look at the directory does for those that come right after it. */
const LOOK_MS = 50;
/** The clock of files moves by ticks: a directory that was changed just now may be changed again unseen. */
const SETTLED_MS = 100;

interface Opened {
  readonly inode: number;
  readonly link: BpfLink;
}

export class PinnedLinks {
  readonly #opened = new Map<string, Opened>();
  #directory = '';
  #lookedAt = Number.NEGATIVE_INFINITY;
  #changed = Number.NaN;

  /** The link that is pinned there, which stays open: nobody else closes it. Undefined: none is. */
  at(path: string): BpfLink | undefined {
    if (!this.#unchanged(dirname(path))) this.#review();
    const known = this.#opened.get(path);
    if (known !== undefined) return known.link;
    const inode = inodeOf(path);
    if (inode === undefined) return undefined;
    const link = BpfLink.adopt(path);
    this.#opened.set(path, { inode, link });
    return link;
  }

  /** Lets go of a link that is about to lose its pin: with a handle here it would stay attached. */
  forget(path: string): void {
    this.#opened.get(path)?.link.close();
    this.#opened.delete(path);
  }

  /** Whether no pin has come or gone since the last look. All of them lie in one directory. */
  #unchanged(directory: string): boolean {
    const now = performance.now();
    if (directory === this.#directory && now - this.#lookedAt < LOOK_MS) return true;
    const changed = statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
    const same = directory === this.#directory && changed === this.#changed;
    this.#directory = directory;
    this.#lookedAt = now;
    this.#changed = Math.abs(Date.now() - changed) < SETTLED_MS ? Number.NaN : changed;
    return same;
  }

  #review(): void {
    for (const [path, { inode }] of this.#opened) {
      if (inodeOf(path) !== inode) this.forget(path);
    }
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
