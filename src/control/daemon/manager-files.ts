/**
 * How an external manager and this node hear each other without a process in between: two files beside the
 * socket of the API. `NAME.order` is the manager's, `active` or `standby`: what it wants, as long as it stands there,
 * daemon or no daemon. `NAME.advice` is ours, `1` while this node should be active in the place of the
 * other one, else `0`: what keepalived calls a track file.
 */
import {
  closeSync,
  type FSWatcher,
  fstatSync,
  openSync,
  readFileSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import type { RoleOrder } from '../../sync/roles/index.js';

/** Should the kernel not tell of a change. */
const LOOK_MS = 1000;

export interface ManagerEvents {
  /** It wants something, be it once more the same: something else may have been asked for meanwhile. */
  readonly onOrder: (order: RoleOrder) => void;
  readonly onError: (error: unknown) => void;
}

/** What stands in the file, and by which writing. */
interface Written {
  readonly text: string;
  readonly when: string;
}

export class ManagerFiles {
  readonly #path: string;
  readonly #advice: string;
  readonly #events: ManagerEvents;
  readonly #watcher: FSWatcher;
  readonly #timer: NodeJS.Timeout;
  #written: Written;

  /** @param socket path of the API's socket. @throws when nothing can be written or watched beside it */
  static open(socket: string, events: ManagerEvents): ManagerFiles {
    return new ManagerFiles(socket.replace(/\.sock$/, ''), events);
  }

  private constructor(stem: string, events: ManagerEvents) {
    this.#path = `${stem}.order`;
    this.#advice = `${stem}.advice`;
    this.#events = events;
    this.advise(false);
    this.#written = this.#read();
    // The directory: a file that is replaced is another one.
    this.#watcher = watch(dirname(stem), (_, name) => {
      if (name === null || name === basename(this.#path)) this.#look();
    });
    this.#watcher.on('error', events.onError);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** What the manager wants; null: it has not said. */
  get order(): RoleOrder | null {
    const { text } = this.#written;
    return text === 'active' || text === 'standby' ? text : null;
  }

  /** Another has said so: what was said last holds, also for the next daemon. */
  keep(order: RoleOrder): void {
    try {
      writeFileSync(this.#path, `${order}\n`);
      this.#written = this.#read();
    } catch (error) {
      this.#events.onError(error);
    }
  }

  /** Whether this node should be active in the place of the other one. */
  advise(should: boolean): void {
    try {
      writeFileSync(this.#advice, should ? '1\n' : '0\n');
    } catch (error) {
      this.#events.onError(error);
    }
  }

  /** Without a daemon a node is no better than the other one. */
  close(): void {
    this.advise(false);
    clearInterval(this.#timer);
    this.#watcher.close();
  }

  #look(): void {
    const before = this.#written;
    this.#written = this.#read();
    const { text, when } = this.#written;
    if (text === before.text && when === before.when) return;
    if (this.order !== null) this.#events.onOrder(this.order);
    // Empty: it is being written.
    else if (text !== '') this.#events.onError(`${this.#path} says neither active nor standby`);
  }

  #read(): Written {
    try {
      const fd = openSync(this.#path, 'r');
      try {
        const text = readFileSync(fd, 'utf8').trim();
        const { ino, mtimeNs } = fstatSync(fd, { bigint: true });
        return { text, when: `${ino} ${mtimeNs}` };
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#events.onError(error);
      return { text: '', when: '' };
    }
  }
}
