import { checkNumber, checkText } from './check.js';
import { BpfError } from './error.js';
import type { LinkInfo } from './info.js';
import { addon, type NativeIterator, type NativeLink } from './native.js';
import { adoptPin } from './pin.js';

/** An attachment that ends with its last handle, unless it is pinned. */
export class BpfLink implements Disposable {
  readonly #native: NativeLink;
  #closed = false;

  private constructor(fd: number) {
    this.#native = new (addon().NativeLink)(fd);
  }

  /** @internal Makes a handle of a descriptor, which it then owns. */
  static own(fd: number): BpfLink {
    return new BpfLink(fd);
  }

  /** Opens the link that is pinned there. */
  static adopt(pinPath: string): BpfLink {
    return new BpfLink(adoptPin(pinPath, 'link'));
  }

  /** As it is now: asked of the kernel each time. */
  get info(): LinkInfo {
    return this.#native.info();
  }

  /** Whether close() was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Puts another program of the same type in place, without a gap. */
  update(program: { readonly fd: number }): void {
    const fd: unknown = program?.fd;
    if (typeof fd !== 'number') throw new BpfError('expected a BpfProgram');
    this.#native.update(fd);
  }

  /** Ends the attachment now, whoever else holds the link. */
  detach(): void {
    this.#native.detach();
  }

  /** Begins one run of an iterator program. */
  iterate(): BpfIterator {
    return new BpfIterator(this.#native.iterate());
  }

  /** Gives the link a path in a bpf file system, so that it outlives the process. */
  pin(path: string): void {
    checkText(path, 'pin');
    this.#native.pin(path);
  }

  /** Lets go of the link; harmless when done before. Without a pin the attachment ends. */
  close(): void {
    this.#closed = true;
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const LARGEST_READ = 1 << 24;

/** What {@link BpfIterator.drain} did. */
export interface Drained {
  readonly reads: number;
  readonly bytes: number;
  /** Nanoseconds of CPU that the longest read took. */
  readonly longestNs: number;
  /** The program has visited everything. */
  readonly ended: boolean;
}

/** One run of an iterator program: it visits elements as its output is read. */
export class BpfIterator implements Disposable {
  readonly #native: NativeIterator;

  /** @internal Made by {@link BpfLink.iterate}; owns the descriptor. */
  constructor(fd: number) {
    this.#native = new (addon().NativeIterator)(fd);
  }

  /**
   * What the program writes next, at most `size` bytes; empty at the end. Each call visits only
   * about as many elements as fill `size` (the kernel takes no more than 32 KiB at once).
   */
  read(size: number): Buffer {
    checkNumber(size, 'size', 1, LARGEST_READ);
    return this.#native.read(size);
  }

  /**
   * Reads on in a thread of the pool, `most` times at most, and throws away what the program writes: for
   * programs that do their work as they visit. The event loop is free meanwhile.
   */
  drain(size: number, most: number): Promise<Drained> {
    checkNumber(size, 'size', 1, LARGEST_READ);
    checkNumber(most, 'most', 1);
    return this.#native.drain(size, most);
  }

  /** Ends the run; harmless when done before. */
  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
