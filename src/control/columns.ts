/**
 * Long lists of records as a few typed arrays and one list of words: what crosses between threads, or
 * lies on disk, is copied in one go instead of object by object. Which fields there are is read off
 * the records, so that a field that is added is carried along.
 */
import type { Sliced } from './slices.js';

/** Values of one field, of every record. */
type Column =
  | { readonly kind: 'numbers'; readonly values: Float64Array }
  | { readonly kind: 'flags'; readonly values: Uint8Array }
  | { readonly kind: 'words'; readonly values: Uint32Array }
  | { readonly kind: 'wide'; readonly values: BigUint64Array }
  | { readonly kind: 'bytes'; readonly stride: number; readonly values: Uint8Array }
  | { readonly kind: 'records'; readonly values: Columns }
  | { readonly kind: 'others'; readonly values: readonly unknown[] };

/** Records by field, or as they are where their fields differ. Plain data: it survives structured cloning. */
export type Columns =
  | {
      readonly length: number;
      readonly columns: readonly (readonly [field: string, column: Column])[];
    }
  | { readonly records: readonly object[] };

/** Texts that occur in records, each once. */
export class Words {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(word: string): number {
    let number = this.#numbers.get(word);
    if (number === undefined) {
      number = this.list.push(word) - 1;
      this.#numbers.set(word, number);
    }
    return number;
  }
}

/** How many records are made between two yields. */
const SLICE = 512;

export function toColumns(records: readonly object[], words: Words): Columns {
  if (!haveOneShape(records)) return { records };
  const rows = records as readonly Record<string, unknown>[];
  const fields = Object.keys(rows[0] ?? {});
  const columns = fields.map((field) => {
    const values = rows.map((row) => row[field]);
    return [field, toColumn(values, words)] as const;
  });
  return { length: rows.length, columns };
}

function toColumn(values: readonly unknown[], words: Words): Column {
  if (areAll(values, (value) => typeof value === 'number')) {
    return { kind: 'numbers', values: Float64Array.from(values) };
  }
  if (areAll(values, (value) => typeof value === 'boolean')) {
    return { kind: 'flags', values: Uint8Array.from(values, Number) };
  }
  if (areAll(values, (value) => typeof value === 'string')) {
    return { kind: 'words', values: Uint32Array.from(values, (word) => words.number(word)) };
  }
  if (areAll(values, isWide)) return { kind: 'wide', values: BigUint64Array.from(values) };
  if (areAll(values, (value) => value instanceof Uint8Array)) {
    const stride = values[0]!.length;
    if (values.every((value) => value.length === stride)) {
      const bytes = new Uint8Array(stride * values.length);
      for (const [i, value] of values.entries()) bytes.set(value, i * stride);
      return { kind: 'bytes', stride, values: bytes };
    }
  }
  if (areAll(values, isRecord)) return { kind: 'records', values: toColumns(values, words) };
  return { kind: 'others', values };
}

function areAll<T>(values: readonly unknown[], is: (value: unknown) => value is T): values is T[] {
  return values.length > 0 && values.every(is);
}

function isWide(value: unknown): value is bigint {
  return typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
}

function isRecord(value: unknown): value is object {
  return value !== null && typeof value === 'object' && value.constructor === Object;
}

function haveOneShape(records: readonly object[]): boolean {
  const fields = Object.keys(records[0] ?? {}).join();
  return records.every((record) => Object.keys(record).join() === fields);
}

/** The records again, of the type that they had. Byte fields share the memory of their column. */
export function* fromColumns<T extends object>(
  from: Columns,
  words: readonly string[],
): Sliced<T[]> {
  if ('records' in from) return [...from.records] as T[];
  const getters: (readonly [string, (i: number) => unknown])[] = [];
  for (const [field, column] of from.columns) {
    getters.push([field, yield* getter(column, words)]);
  }
  const records: object[] = [];
  for (let i = 0; i < from.length; i++) {
    const record: Record<string, unknown> = {};
    for (const [field, get] of getters) record[field] = get(i);
    records.push(record);
    if (i % SLICE === SLICE - 1) yield;
  }
  return records as T[];
}

function* getter(column: Column, words: readonly string[]): Sliced<(i: number) => unknown> {
  switch (column.kind) {
    case 'flags':
      return (i) => column.values[i] !== 0;
    case 'words':
      return (i) => words[column.values[i]!];
    case 'bytes': {
      const { values, stride } = column;
      return (i) => values.subarray(i * stride, (i + 1) * stride);
    }
    case 'records': {
      const records = yield* fromColumns(column.values, words);
      return (i) => records[i];
    }
    default:
      return (i) => column.values[i];
  }
}
