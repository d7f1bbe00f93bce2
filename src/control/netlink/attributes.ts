/**
 * Netlink attributes: length, type and value, padded to four bytes, nested at will. Numbers are in
 * the byte order of the host, which is little-endian on everything this runs on; nfnetlink's are
 * big-endian and have accessors of their own.
 */

const HEADER = 4;
const TYPE_MASK = 0x3fff;
const NESTED = 0x8000;

/** Room that `length` bytes take in a message. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Puts attributes together: each call appends one. */
export class AttributeWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(type: number, value: Uint8Array): this {
    const part = Buffer.alloc(align(HEADER + value.length));
    part.writeUInt16LE(HEADER + value.length, 0);
    part.writeUInt16LE(type, 2);
    part.set(value, HEADER);
    this.#parts.push(part);
    return this;
  }

  u8(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value));
  }

  u32(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.bytes(type, bytes);
  }

  u16be(type: number, value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(value);
    return this.bytes(type, bytes);
  }

  u32be(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return this.bytes(type, bytes);
  }

  /** Text with its closing zero. */
  text(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`));
  }

  nest(type: number, fill: (inner: AttributeWriter) => void): this {
    const inner = new AttributeWriter();
    fill(inner);
    return this.bytes(type | NESTED, inner.finish());
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Attributes as read; of a type that stands twice the last one counts. */
export class Attributes {
  readonly #values = new Map<number, Buffer>();

  /** Reads to the end of `from`; what is cut short ends the reading. */
  constructor(from: Buffer, offset = 0) {
    for (let at = offset; at + HEADER <= from.length; ) {
      const length = from.readUInt16LE(at);
      if (length < HEADER || at + length > from.length) break;
      this.#values.set(
        from.readUInt16LE(at + 2) & TYPE_MASK,
        from.subarray(at + HEADER, at + length),
      );
      at += align(length);
    }
  }

  bytes(type: number): Buffer | undefined {
    return this.#values.get(type);
  }

  u8(type: number): number | undefined {
    return this.#sized(type, 1)?.readUInt8();
  }

  u32(type: number): number | undefined {
    return this.#sized(type, 4)?.readUInt32LE();
  }

  u16be(type: number): number | undefined {
    return this.#sized(type, 2)?.readUInt16BE();
  }

  u32be(type: number): number | undefined {
    return this.#sized(type, 4)?.readUInt32BE();
  }

  u64be(type: number): bigint | undefined {
    return this.#sized(type, 8)?.readBigUInt64BE();
  }

  /** Text up to its closing zero. */
  text(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return value.toString('utf8', 0, end < 0 ? value.length : end);
  }

  nested(type: number): Attributes | undefined {
    const value = this.#values.get(type);
    return value === undefined ? undefined : new Attributes(value);
  }

  #sized(type: number, size: number): Buffer | undefined {
    const value = this.#values.get(type);
    return value !== undefined && value.length >= size ? value : undefined;
  }
}
