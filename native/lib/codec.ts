import { type Btf, camelCase, type FieldType, isPadding, type StructLayout } from './btf.js';
import { checkBytes, checkNumber } from './check.js';
import { BpfError } from './error.js';

/** Turns values into the bytes of one C struct and back. */
export interface Codec<T> {
  /** sizeof the struct. */
  readonly size: number;
  /**
   * Writes `value` into `into` at `offset`, or into a new buffer.
   * @returns the `size` bytes written; a view of `into` when that was given
   * @throws {BpfError} EUSAGE naming the field that is missing or does not fit
   */
  encode(value: T, into?: Uint8Array, offset?: number): Buffer;
  /**
   * Reads one struct at `offset`; nothing of the result shares memory with `from`.
   * @throws {BpfError} EUSAGE when `from` ends too soon
   */
  decode(from: Uint8Array, offset?: number): T;
}

/** Reads or writes one field at a place that was computed once, when the codec was made. */
interface FieldCodec {
  readonly size: number;
  read(view: DataView, at: number): unknown;
  write(view: DataView, at: number, value: unknown, what: string): void;
}

interface Member {
  readonly key: string;
  readonly offset: number;
  readonly optional: boolean;
  readonly codec: FieldCodec;
}

/**
 * A codec for the struct of that C name. u64 becomes bigint, smaller integers number; arrays of u8
 * become Uint8Array, of char string, other arrays arrays; structs become objects with camelCase keys;
 * fields of big-endian types (__be16 and so on) are host numbers in TypeScript. Padding fields are left out
 * when reading and zero when missing.
 * @throws {BpfError} EUNKNOWN without such a struct; EUSAGE when it holds what no codec can carry
 */
export function codec<T>(btf: Pick<Btf, 'structs'>, structName: string): Codec<T> {
  const layout = Object.hasOwn(btf.structs, structName) ? btf.structs[structName] : undefined;
  if (layout === undefined) throw new BpfError(`no struct ${structName}`, 'EUNKNOWN');
  const inner = structCodec(btf, layout, structName);
  const { size } = layout;
  return {
    size,
    encode(value, into, offset = 0) {
      const to = into ?? Buffer.alloc(size);
      checkPlace(to, offset, size, structName);
      inner.write(viewOf(to), offset, value, structName);
      return Buffer.from(to.buffer, to.byteOffset + offset, size);
    },
    decode(from, offset = 0) {
      checkPlace(from, offset, size, structName);
      return inner.read(viewOf(from), offset) as T;
    },
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkPlace(bytes: unknown, offset: number, size: number, what: string): void {
  checkBytes(bytes, what);
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= bytes.byteLength) return;
  throw new BpfError(`${what}: ${size} bytes at ${offset} do not lie in ${bytes.byteLength}`);
}

function structCodec(btf: Pick<Btf, 'structs'>, layout: StructLayout, path: string): FieldCodec {
  const members = layout.fields.map(
    (field): Member => ({
      key: camelCase(field.name),
      offset: field.offset,
      optional: isPadding(field.name),
      codec: fieldCodec(btf, field.type, `${path}.${field.name}`),
    }),
  );
  const readable = members.filter((member) => !member.optional);
  return {
    size: layout.size,
    read(view, at) {
      const value: Record<string, unknown> = {};
      for (const member of readable)
        value[member.key] = member.codec.read(view, at + member.offset);
      return value;
    },
    write(view, at, value, what) {
      if (typeof value !== 'object' || value === null)
        throw new BpfError(`${what}: expected an object`);
      for (const { key, offset, optional, codec: field } of members) {
        const one = (value as Record<string, unknown>)[key];
        if (one === undefined && optional) clear(view, at + offset, field.size);
        else field.write(view, at + offset, one, `${what}.${key}`);
      }
    },
  };
}

function fieldCodec(btf: Pick<Btf, 'structs'>, type: FieldType, path: string): FieldCodec {
  switch (type.kind) {
    case 'int':
      return type.size === 8
        ? wordCodec(type.signed, !type.bigEndian)
        : intCodec(type.size, type.signed, !type.bigEndian);
    case 'bytes':
      return bytesCodec(type.length);
    case 'text':
      return textCodec(type.length);
    case 'array':
      return arrayCodec(fieldCodec(btf, type.element, path), type.count);
    case 'inline':
      return structCodec(btf, type.layout, path);
    case 'struct': {
      const layout = btf.structs[type.name];
      if (layout === undefined) throw new BpfError(`${path}: no struct ${type.name}`, 'EUNKNOWN');
      return structCodec(btf, layout, path);
    }
    case 'unsupported':
      throw new BpfError(`${path}: a ${type.what} has no codec`);
  }
}

function clear(view: DataView, at: number, size: number): void {
  for (let i = 0; i < size; i++) view.setUint8(at + i, 0);
}

function intCodec(size: 1 | 2 | 4, signed: boolean, little: boolean): FieldCodec {
  const bits = size * 8;
  const least = signed ? -(2 ** (bits - 1)) : 0;
  const most = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const check = (value: unknown, what: string): number => {
    checkNumber(value, what, least, most);
    return value;
  };
  // Setters wrap, so that after the check the unsigned one serves both.
  switch (size) {
    case 1:
      return {
        size,
        read: signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at),
        write: (view, at, value, what) => view.setUint8(at, check(value, what)),
      };
    case 2:
      return {
        size,
        read: signed
          ? (view, at) => view.getInt16(at, little)
          : (view, at) => view.getUint16(at, little),
        write: (view, at, value, what) => view.setUint16(at, check(value, what), little),
      };
    case 4:
      return {
        size,
        read: signed
          ? (view, at) => view.getInt32(at, little)
          : (view, at) => view.getUint32(at, little),
        write: (view, at, value, what) => view.setUint32(at, check(value, what), little),
      };
  }
}

function wordCodec(signed: boolean, little: boolean): FieldCodec {
  const fits = signed ? BigInt.asIntN : BigInt.asUintN;
  return {
    size: 8,
    read: signed
      ? (view, at) => view.getBigInt64(at, little)
      : (view, at) => view.getBigUint64(at, little),
    write(view, at, value, what) {
      if (typeof value !== 'bigint' || fits(64, value) !== value) {
        throw new BpfError(`${what}: expected a bigint of 64 bits, got ${String(value)}`);
      }
      view.setBigUint64(at, BigInt.asUintN(64, value), little);
    },
  };
}

function bytesAt(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

function bytesCodec(length: number): FieldCodec {
  return {
    size: length,
    read: (view, at) => bytesAt(view, at, length).slice(),
    write(view, at, value, what) {
      checkBytes(value, what, length);
      bytesAt(view, at, length).set(value);
    },
  };
}

function textCodec(length: number): FieldCodec {
  return {
    size: length,
    read(view, at) {
      const bytes = bytesAt(view, at, length);
      const end = bytes.indexOf(0);
      return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
    },
    write(view, at, value, what) {
      if (typeof value !== 'string') throw new BpfError(`${what}: expected a string`);
      const text = Buffer.from(value, 'utf8');
      if (text.length > length) throw new BpfError(`${what}: longer than ${length} bytes`);
      clear(view, at, length);
      bytesAt(view, at, length).set(text);
    },
  };
}

function arrayCodec(element: FieldCodec, count: number): FieldCodec {
  return {
    size: element.size * count,
    read(view, at) {
      const values = new Array<unknown>(count);
      for (let i = 0; i < count; i++) values[i] = element.read(view, at + i * element.size);
      return values;
    },
    write(view, at, value, what) {
      if (!Array.isArray(value) || value.length !== count) {
        throw new BpfError(`${what}: expected an array of ${count}`);
      }
      for (let i = 0; i < count; i++) element.write(view, at + i * element.size, value[i], what);
    },
  };
}
