/** Bytes of a frame between two places. */
export class Bytes {
  readonly #all: Uint8Array;
  /** Offset from the start of the frame. */
  readonly start: number;
  readonly #end: number;

  constructor(all: Uint8Array, start = 0, end = all.length) {
    this.#all = all;
    this.start = start;
    this.#end = end;
  }

  get length(): number {
    return this.#end - this.start;
  }

  byte(offset: number): number {
    return this.#all[this.start + offset]!;
  }

  /** 16 bits, network order. */
  word(offset: number): number {
    return (this.byte(offset) << 8) | this.byte(offset + 1);
  }

  /** 32 bits, network order. */
  long(offset: number): number {
    return ((this.word(offset) << 16) | this.word(offset + 2)) >>> 0;
  }

  /** A copy. */
  slice(offset: number, length: number): Uint8Array {
    return this.#all.slice(this.start + offset, this.start + offset + length);
  }

  /** Without the first bytes. */
  after(offset: number): Bytes {
    return new Bytes(this.#all, this.start + offset, this.#end);
  }

  /** Only the first bytes. */
  first(length: number): Bytes {
    return new Bytes(this.#all, this.start, this.start + length);
  }
}
