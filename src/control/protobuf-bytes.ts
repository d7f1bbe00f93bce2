/** The bytes that messages of Protocol Buffers are made of. */

/** How a value is written, as the low three bits of its tag say. */
export const Wire = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;

const FIRST_BYTES = 256;

/** Grows as it is written to. */
export class Writer {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  /** A whole number from 0 to 2^53. */
  varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  double(value: number): void {
    this.#room(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#room(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  block(value: Uint8Array): void {
    this.varint(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #room(length: number): void {
    const wanted = this.#at + length;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** Throws RangeError where the bytes end too early. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Up to 64 bits, as near as a number comes to them. */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#next();
      const bits = byte & 127;
      if (shift < 28) low += bits * 2 ** shift;
      else high += bits * 2 ** (shift - 28);
      if (byte < 128) return low + high * 2 ** 28;
    }
    throw new RangeError('a number without an end');
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  text(): string {
    const from = this.#take(this.varint());
    return this.#bytes.toString('utf8', from, this.#at);
  }

  block(): Buffer {
    const from = this.#take(this.varint());
    return this.#bytes.subarray(from, this.#at);
  }

  sub(): Reader {
    return new Reader(this.block());
  }

  skip(wire: number): void {
    if (wire === Wire.VARINT) this.varint();
    else if (wire === Wire.FIXED64) this.#take(8);
    else if (wire === Wire.BYTES) this.#take(this.varint());
    else if (wire === Wire.FIXED32) this.#take(4);
    else throw new RangeError(`wire type ${wire}`);
  }

  #next(): number {
    if (this.done) throw new RangeError('it ends too early');
    return this.#bytes[this.#at++]!;
  }

  /** Returns where it began. */
  #take(length: number): number {
    const from = this.#at;
    if (length > this.#bytes.length - from) throw new RangeError('it ends too early');
    this.#at = from + length;
    return from;
  }
}
