/** DER, as far as a certificate needs it: writing the shapes of RFC 5280, and finding one's way in them. */

const LONG = 0x80;

/** One value: tag, length, content. */
export function tlv(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < LONG) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return Buffer.concat([Buffer.from([tag, LONG | length.length]), length, body]);
}

export const sequence = (...items: readonly Buffer[]): Buffer => tlv(0x30, ...items);
export const set = (...items: readonly Buffer[]): Buffer => tlv(0x31, ...items);
export const octets = (content: Buffer): Buffer => tlv(0x04, content);
export const text = (value: string): Buffer => tlv(0x0c, Buffer.from(value, 'utf8'));
export const yes = (): Buffer => tlv(0x01, Buffer.from([0xff]));
/** `[n]` around other values. */
export const tagged = (n: number, ...items: readonly Buffer[]): Buffer => tlv(0xa0 | n, ...items);
/** `[n]` in the place of a primitive's own tag. */
export const implicit = (n: number, content: Buffer): Buffer => tlv(0x80 | n, content);

/** A whole number that is not negative, from its bytes. */
export function integer(value: number | Buffer): Buffer {
  const bytes = typeof value === 'number' ? bytesOf(value) : value;
  const from = bytes.findIndex((byte) => byte !== 0);
  const digits = from === -1 ? Buffer.alloc(1) : bytes.subarray(from);
  return tlv(0x02, ...(digits[0]! >= 0x80 ? [Buffer.alloc(1)] : []), digits);
}

export function bits(content: Buffer, unused = 0): Buffer {
  return tlv(0x03, Buffer.from([unused]), content);
}

/** An object identifier in dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return tlv(0x06, Buffer.from(bytes));
}

/** UTCTime up to 2049, GeneralizedTime from then on, as RFC 5280 has it; whole seconds. */
export function time(at: Date): Buffer {
  const digits = at
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '');
  return at.getUTCFullYear() < 2050
    ? tlv(0x17, Buffer.from(digits.slice(2)))
    : tlv(0x18, Buffer.from(digits));
}

/** A value that was read: its tag, its content, and all of it. */
export interface Value {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** The values that stand in a row. Throws RangeError when they do not fill `bytes`. */
export function values(bytes: Buffer): Value[] {
  const found: Value[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes.readUInt8(at);
    let length = bytes.readUInt8(at + 1);
    let start = at + 2;
    if (length >= LONG) {
      const size = length & 0x7f;
      if (size < 1 || size > 4) throw new RangeError('not DER');
      length = bytes.readUIntBE(start, size);
      start += size;
    }
    const end = start + length;
    if (end > bytes.length) throw new RangeError('not DER');
    found.push({ tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return found;
}

function bytesOf(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
