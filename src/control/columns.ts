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
  /** The same value in each. */
  | { readonly kind: 'one'; readonly value: unknown }
  /** Each value once, and which of them every record has. */
  | {
      readonly kind: 'others';
      readonly distinct: readonly unknown[];
      readonly values: Uint32Array;
    };

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
const SLICE = 2048;
/** Names that may stand in the text of a function. */
const IDENTIFIER = /^[A-Za-z]\w*$/;

export function toColumns(records: readonly object[], words: Words): Columns {
  const rows = records as readonly Record<string, unknown>[];
  const fields = Object.keys(rows[0] ?? {});
  if (!fields.every((field) => IDENTIFIER.test(field)) || !haveFields(rows, fields)) {
    return { records };
  }
  const columns = fields.map((field) => [field, toColumn(rows, field, words)] as const);
  return { length: rows.length, columns };
}

/** Have all of them these fields, in this order? */
function haveFields(rows: readonly object[], fields: readonly string[]): boolean {
  const count = fields.length;
  for (const row of rows) {
    let at = 0;
    for (const field in row) if (field !== fields[at++]) return false;
    if (at !== count) return false;
  }
  return true;
}

function toColumn(rows: readonly Record<string, unknown>[], field: string, words: Words): Column {
  const values = new Array<unknown>(rows.length);
  let same = true;
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]![field];
    values[i] = value;
    if (value !== values[0]) same = false;
  }
  if (same && !isPlace(values[0])) return { kind: 'one', value: values[0] };
  return typedColumn(values, words) ?? otherColumn(values);
}

/** Memory, of which each record has its own piece. */
function isPlace(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function typedColumn(values: readonly unknown[], words: Words): Column | undefined {
  switch (typeof values[0]) {
    case 'number':
      if (!areAll(values, 'number')) return undefined;
      return { kind: 'numbers', values: Float64Array.from(values as number[]) };
    case 'boolean':
      if (!areAll(values, 'boolean')) return undefined;
      return { kind: 'flags', values: Uint8Array.from(values as boolean[], Number) };
    case 'string':
      return areAll(values, 'string') ? wordColumn(values as string[], words) : undefined;
    case 'bigint':
      if (!values.every(isWide)) return undefined;
      return { kind: 'wide', values: BigUint64Array.from(values as bigint[]) };
    case 'object':
      if (values.every((value) => value instanceof Uint8Array)) return byteColumn(values);
      if (!values.every(isRecord)) return undefined;
      return { kind: 'records', values: toColumns(values, words) };
    default:
      return undefined;
  }
}

function areAll(values: readonly unknown[], type: string): boolean {
  for (const value of values) if (typeof value !== type) return false;
  return true;
}

function otherColumn(all: readonly unknown[]): Column {
  const numbers = new Map<unknown, number>();
  const values = Uint32Array.from(all, (value) => {
    const number = numbers.get(value) ?? numbers.size;
    if (number === numbers.size) numbers.set(value, number);
    return number;
  });
  return { kind: 'others', distinct: [...numbers.keys()], values };
}

/** Neighbours often say the same. */
function wordColumn(texts: readonly string[], words: Words): Column {
  const values = new Uint32Array(texts.length);
  let [text, number] = [texts[0]!, words.number(texts[0]!)];
  for (let i = 0; i < texts.length; i++) {
    const next = texts[i]!;
    if (next !== text) [text, number] = [next, words.number(next)];
    values[i] = number;
  }
  return { kind: 'words', values };
}

function byteColumn(values: readonly Uint8Array[]): Column | undefined {
  const stride = values[0]!.length;
  if (!values.every((value) => value.length === stride)) return undefined;
  const bytes = new Uint8Array(stride * values.length);
  for (let i = 0; i < values.length; i++) bytes.set(values[i]!, i * stride);
  return { kind: 'bytes', stride, values: bytes };
}

function isWide(value: unknown): value is bigint {
  return typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
}

function isRecord(value: unknown): value is object {
  return value !== null && typeof value === 'object' && value.constructor === Object;
}

/** The records again, of the type that they had. Byte fields share the memory of their column. */
export function* fromColumns<T extends object>(
  from: Columns,
  words: readonly string[],
): Sliced<T[]> {
  if ('records' in from) return [...from.records] as T[];
  const { columns, length } = from;
  const sources: unknown[] = [];
  for (const [, column] of columns) sources.push(yield* sourceOf(column, words));
  const fill = filler(columns, sources, words);
  const records: T[] = [];
  for (let at = 0; at < length; at += SLICE) {
    fill(records, at, Math.min(at + SLICE, length));
    yield;
  }
  return records;
}

/** What the values of a column are taken from. */
function* sourceOf(column: Column, words: readonly string[]): Sliced<unknown> {
  if (column.kind === 'records') return yield* fromColumns(column.values, words);
  if (column.kind === 'one') return column.value;
  return column.kind === 'others' ? column : column.values;
}

type Fill<T> = (records: T[], from: number, to: number) => void;

/**
 * Straight-line code for one shape of records, as codecs have it: a literal gives all of them one shape, and
 * nothing is looked up by name. The names are those of fields, and nothing else.
 */
function filler<T>(
  columns: readonly (readonly [string, Column])[],
  sources: readonly unknown[],
  words: readonly string[],
): Fill<T> {
  const fields = columns.map(([field, column], i) => {
    if (!IDENTIFIER.test(field)) throw new TypeError(`${JSON.stringify(field)} is no field`);
    return `${field}: ${expression(column, `s${i}`)}`;
  });
  const names = columns.map((_, i) => `s${i}`);
  const body = `return (records, from, to) => {
    for (let i = from; i < to; i++) records.push({ ${fields.join(', ')} });
  };`;
  return new Function(...names, 'words', body)(...sources, words) as Fill<T>;
}

function expression(column: Column, source: string): string {
  switch (column.kind) {
    case 'one':
      return source;
    case 'flags':
      return `${source}[i] !== 0`;
    case 'words':
      return `words[${source}[i]]`;
    case 'others':
      return `${source}.distinct[${source}.values[i]]`;
    case 'bytes': {
      const { stride } = column;
      return `${source}.subarray(i * ${Number(stride)}, i * ${Number(stride)} + ${Number(stride)})`;
    }
    default:
      return `${source}[i]`;
  }
}
