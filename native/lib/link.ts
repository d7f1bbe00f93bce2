import { checkText } from './check.js';
import { BpfError } from './error.js';
import type { LinkInfo } from './info.js';
import { addon, type NativeLink } from './native.js';
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
