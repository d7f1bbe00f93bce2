import { isUint8Array } from 'node:util/types';
import { type Btf, camelCase } from './btf.js';
import { checkBytes, shown } from './check.js';
import { type CodecSource, checkStruct, codecSource } from './codec-source.js';
import { BpfError } from './error.js';

/** Turns values into the bytes of one C struct and back. */
export interface Codec<T> {
  /** sizeof the struct. */
  readonly size: number;
  /** Where each field begins, in bytes, by its name in TypeScript. */
  readonly offsets: Readonly<Record<keyof T & string, number>>;
  /**
   * Writes `value` into `into` at `offset`, or into a new buffer.
   * @returns the `size` bytes written; a view of `into` when that was given
   * @throws {BpfError} EUSAGE naming the field that is missing or does not fit
   */
  encode(value: T, into?: Uint8Array, offset?: number): Buffer;
  /**
   * Writes structs `from` up to `to` of an array of them: many at a time are less work. `value` may give the
   * same object each time.
   * @throws {BpfError} EUSAGE as `encode`
   */
  encodeEach(from: number, to: number, value: (number: number) => T, into: Uint8Array): void;
  /**
   * Reads one struct at `offset`; nothing of the result shares memory with `from`.
   * @throws {BpfError} EUSAGE when `from` ends too soon
   */
  decode(from: Uint8Array, offset?: number): T;
}

/** What the source of a codec calls, beside DataView. */
const HELPERS = { copy, text, list, put, putText, clear, refuse };

interface Compiled<T> {
  read(view: DataView, at: number): T;
  write(view: DataView, at: number, value: T): void;
}

/**
 * A codec for the struct of that C name. u64 becomes bigint, smaller integers number; arrays of u8
 * become Uint8Array, of char string, other arrays arrays; structs become objects with camelCase
 * keys; fields of big-endian types (__be16 and so on) are host numbers in TypeScript. Padding
 * fields are left out when reading and zero when missing; bytes that no field covers are left alone
 * when writing.
 * @throws {BpfError} EUNKNOWN without such a struct; EUSAGE when it holds what no codec can carry
 */
export function codec<T>(btf: Pick<Btf, 'structs'>, structName: string): Codec<T> {
  const layout = Object.hasOwn(btf.structs, structName) ? btf.structs[structName] : undefined;
  if (layout === undefined) throw new BpfError(`no struct ${structName}`, 'EUNKNOWN');
  checkStruct(btf.structs, layout, structName);
  // Compiled when it is used: few programs use every struct there is.
  let made: Compiled<T> | undefined;
  const compiled = (): Compiled<T> => {
    made ??= compile<T>(codecSource(btf.structs, layout, structName));
    return made;
  };
  const { size } = layout;
  const offsets = Object.fromEntries(
    layout.fields.map(({ name, offset }) => [camelCase(name), offset]),
  ) as Record<keyof T & string, number>;
  return {
    size,
    offsets,
    encode(value, into, offset = 0) {
      const to = into ?? Buffer.alloc(size);
      checkPlace(to, offset, size, structName);
      compiled().write(new DataView(to.buffer, to.byteOffset, to.byteLength), offset, value);
      return into === undefined
        ? (to as Buffer)
        : Buffer.from(to.buffer, to.byteOffset + offset, size);
    },
    encodeEach(from, to, value, into) {
      if (to > from) checkPlace(into, (to - 1) * size, size, structName);
      checkPlace(into, from * size, 0, structName);
      const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
      const { write } = compiled();
      for (let i = from; i < to; i++) write(view, i * size, value(i));
    },
    decode(from, offset = 0) {
      checkPlace(from, offset, size, structName);
      return compiled().read(new DataView(from.buffer, from.byteOffset, from.byteLength), offset);
    },
  };
}

function compile<T>(source: CodecSource): Compiled<T> {
  const make = new Function(
    ...Object.keys(HELPERS),
    `'use strict'; return {
    read(view, at) { return ${source.read}; },
    write(view, at, value) { ${source.write} },
    };`,
  );
  return make(...Object.values(HELPERS)) as Compiled<T>;
}

function checkPlace(bytes: unknown, offset: number, size: number, what: string): void {
  checkBytes(bytes, what);
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= bytes.byteLength) return;
  throw new BpfError(
    `${what}: ${size} bytes at ${shown(offset)} do not lie in ${bytes.byteLength}`,
  );
}

function refuse(what: string, expected: string, value: unknown): never {
  throw new BpfError(`${what}: expected ${expected}, got ${shown(value)}`);
}

// Fields are short: byte by byte is faster than making a view to copy by.
function copy(view: DataView, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = view.getUint8(at + i);
  return bytes;
}

function put(view: DataView, at: number, length: number, value: unknown, what: string): void {
  if (!isUint8Array(value) || value.length !== length) {
    refuse(what, `a Uint8Array of ${length}`, value);
  }
  for (let i = 0; i < length; i++) view.setUint8(at + i, value[i] ?? 0);
}

function text(view: DataView, at: number, length: number): string {
  const bytes = Buffer.from(view.buffer, view.byteOffset + at, length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? length : end);
}

function putText(view: DataView, at: number, length: number, value: unknown, what: string): void {
  if (typeof value !== 'string') refuse(what, 'a string', value);
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length > length) refuse(what, `at most ${length} bytes`, value);
  clear(view, at, length);
  for (let i = 0; i < bytes.length; i++) view.setUint8(at + i, bytes[i] ?? 0);
}

function clear(view: DataView, at: number, size: number): void {
  for (let i = 0; i < size; i++) view.setUint8(at + i, 0);
}

function list<E>(count: number, at: number, size: number, read: (at: number) => E): E[] {
  const values = new Array<E>(count);
  for (let i = 0; i < count; i++) values[i] = read(at + i * size);
  return values;
}
