import type { Btf, FieldType, StructLayout } from './btf.js';
import { isPadding } from './btf.js';
import { BpfError } from './error.js';

/** The types that a BTF names, wherever it was read. */
export type Types = Pick<Btf, 'structs' | 'enums'>;

/** A type and the BTF that it is of. */
export interface TypeIn {
  readonly types: Types;
  readonly type: FieldType;
}

/**
 * An integer that holds an enumerator, bits that are named, or both: what the C type does not tell.
 * Codes and bits go from the number that their name has in one BTF to the number in the other.
 */
export interface CodedField {
  /** Enumeration of the code, which is in the bits of `mask`. */
  readonly code?: { readonly enum: string; readonly mask: number };
  /** Enumeration of single bits; those of `mask` are left to the code. */
  readonly bits?: { readonly enum: string };
  /** Groups of bits, which `enum` names, at each of the shifts that another enumeration names. */
  readonly spans?: {
    readonly enum: string;
    readonly shifts: { readonly enum: string; readonly names: readonly string[] };
    /** Names whose bits begin at zero. */
    readonly except?: readonly string[];
  };
}

/** Fields are named by their path: `key.low.byte`, `tag` for all of an array. */
export interface ConversionOptions {
  readonly coded?: Readonly<Record<string, CodedField>>;
  /** Integers that are added to what the target holds, where the map says so. */
  readonly add?: readonly string[];
  /** Integers of which the larger stays. */
  readonly max?: readonly string[];
  /** Fields that begin at zero although the source has them. */
  readonly forget?: readonly string[];
}

const Step = { COPY: 0, INTEGER: 1, CODES: 2, BITS: 3 } as const;
const Merge = { SET: 0, ADD: 1, MAX: 2 } as const;

type Int = FieldType & { kind: 'int' };

/** A value of one layout as a value of another, field by field by name. */
export class Conversion {
  /** Fields that the source has and the target has not. */
  readonly dropped: readonly string[];
  /** Fields that begin at zero. */
  readonly added: readonly string[];
  /** @internal Instructions of native/src/conversion.h. */
  readonly words: Int32Array;

  private constructor(words: number[], dropped: string[], added: string[]) {
    this.words = Int32Array.from(words);
    this.dropped = dropped;
    this.added = added;
  }

  /**
   * Fields of one name go over, whatever their place and width; of a union only the first member. A
   * number that does not fit becomes the nearest that does.
   * @throws BpfError EUNKNOWN for a struct or an enumeration that is named and not there
   */
  static between(from: TypeIn, to: TypeIn, options: ConversionOptions = {}): Conversion {
    const compiler = new Compiler(from.types, to.types, options);
    compiler.match(from.type, 0, to.type, 0, '');
    const sizes = [sizeOf(from.types, from.type), sizeOf(to.types, to.type)];
    return new Conversion(
      [...sizes, ...compiler.finish()],
      [...new Set(compiler.dropped)],
      [...new Set(compiler.added)],
    );
  }

  /** Bytes that stay as they are. */
  static same(size: number): Conversion {
    return new Conversion([size, size, Step.COPY, 0, 0, size], [], []);
  }
}

/** True when two types have the same fields of the same names at the same places. */
export function sameLayout(a: TypeIn, b: TypeIn): boolean {
  return JSON.stringify(expanded(a.types, a.type)) === JSON.stringify(expanded(b.types, b.type));
}

/** Bytes of a type. @throws BpfError EUNKNOWN */
export function sizeOf(types: Types, type: FieldType): number {
  switch (type.kind) {
    case 'int':
      return type.size;
    case 'bytes':
    case 'text':
      return type.length;
    case 'array':
      return type.count * sizeOf(types, type.element);
    case 'struct':
    case 'inline':
      return layoutOf(types, type).size;
    case 'unsupported':
      throw new BpfError(`a ${type.what} has no size here`, 'EUNKNOWN');
  }
}

function layoutOf(types: Types, type: FieldType & { kind: 'struct' | 'inline' }): StructLayout {
  if (type.kind === 'inline') return type.layout;
  const layout = types.structs[type.name];
  if (layout === undefined) throw new BpfError(`no struct ${type.name}`, 'EUNKNOWN');
  return layout;
}

/** A type with its structs in place of their names. */
function expanded(types: Types, type: FieldType): unknown {
  switch (type.kind) {
    case 'array':
      return ['array', type.count, expanded(types, type.element)];
    case 'struct':
    case 'inline': {
      const { size, fields } = layoutOf(types, type);
      return [size, fields.map((f) => [f.name, f.offset, expanded(types, f.type)])];
    }
    default:
      return type;
  }
}

function enumeration(types: Types, name: string): Record<string, number> {
  const found = types.enums[name];
  if (found === undefined) throw new BpfError(`no enum ${name}`, 'EUNKNOWN');
  return found;
}

class Compiler {
  readonly dropped: string[] = [];
  readonly added: string[] = [];
  readonly #from: Types;
  readonly #to: Types;
  readonly #options: ConversionOptions;
  readonly #steps: number[][] = [];

  constructor(from: Types, to: Types, options: ConversionOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  match(from: FieldType, at: number, to: FieldType, toAt: number, path: string): void {
    if (this.#options.forget?.includes(path)) this.added.push(path);
    else if (isComposite(from) && isComposite(to)) this.#struct(from, at, to, toAt, path);
    else if (from.kind === 'int' && to.kind === 'int') this.#integer(from, at, to, toAt, path);
    else if (from.kind === 'array' && to.kind === 'array') this.#array(from, at, to, toAt, path);
    else if (isBytes(from) && isBytes(to)) this.#copy(at, toAt, Math.min(from.length, to.length));
    else {
      this.dropped.push(path);
      this.added.push(path);
    }
  }

  /** All instructions, neighbouring copies as one. */
  finish(): number[] {
    const words: number[] = [];
    let last: number[] | undefined;
    for (const step of this.#steps) {
      const [kind, from = 0, to = 0, length = 0] = step;
      const [, lastFrom = 0, lastTo = 0, lastLength = 0] = last ?? [];
      const joins = last !== undefined && last[0] === Step.COPY && kind === Step.COPY;
      if (joins && lastFrom + lastLength === from && lastTo + lastLength === to) {
        words[words.length - 1] = lastLength + length;
        last = [Step.COPY, lastFrom, lastTo, lastLength + length];
        continue;
      }
      words.push(...step);
      last = step;
    }
    return words;
  }

  #struct(
    from: FieldType & { kind: 'struct' | 'inline' },
    at: number,
    to: FieldType & { kind: 'struct' | 'inline' },
    toAt: number,
    path: string,
  ): void {
    const had = layoutOf(this.#from, from).fields.filter((field) => !isPadding(field.name));
    const has = layoutOf(this.#to, to).fields.filter((field) => !isPadding(field.name));
    const name = (field: string) => (path === '' ? field : `${path}.${field}`);
    for (const field of has) {
      const source = had.find((other) => other.name === field.name);
      if (source === undefined) this.added.push(name(field.name));
      else {
        const [start, end] = [at + source.offset, toAt + field.offset];
        this.match(source.type, start, field.type, end, name(field.name));
      }
    }
    for (const field of had) {
      if (!has.some((other) => other.name === field.name)) this.dropped.push(name(field.name));
    }
  }

  #array(
    from: FieldType & { kind: 'array' },
    at: number,
    to: FieldType & { kind: 'array' },
    toAt: number,
    path: string,
  ): void {
    const [size, toSize] = [sizeOf(this.#from, from.element), sizeOf(this.#to, to.element)];
    for (let i = 0; i < Math.min(from.count, to.count); i++) {
      this.match(from.element, at + i * size, to.element, toAt + i * toSize, path);
    }
  }

  #integer(from: Int, at: number, to: Int, toAt: number, path: string): void {
    const coded = this.#options.coded?.[path] ?? enumCode(from, to);
    if (coded !== undefined) {
      this.#coded(coded, from, at, to, toAt);
      return;
    }
    const { add = [], max = [] } = this.#options;
    const merge = add.includes(path) ? Merge.ADD : max.includes(path) ? Merge.MAX : Merge.SET;
    if (merge === Merge.SET && from.size === to.size && from.bigEndian === to.bigEndian) {
      this.#copy(at, toAt, to.size);
      return;
    }
    const ends = [at, from.size, flags(from), toAt, to.size, flags(to)];
    this.#steps.push([Step.INTEGER, ...ends, merge]);
  }

  #coded({ code, bits, spans }: CodedField, from: Int, at: number, to: Int, toAt: number): void {
    const ends = [at, from.size, toAt, to.size];
    if (code !== undefined) {
      const pairs = this.#pairs(code.enum);
      this.#steps.push([Step.CODES, ...ends, code.mask | 0, pairs.length, ...pairs.flat()]);
    }
    if (bits !== undefined) {
      const mask = code?.mask ?? 0;
      const pairs = this.#pairs(bits.enum).filter(([bit]) => isOneBit(bit) && (bit & mask) === 0);
      this.#steps.push([Step.BITS, ...ends, pairs.length, ...pairs.flat()]);
    }
    if (spans !== undefined) {
      const pairs = this.#spans(spans);
      this.#steps.push([Step.BITS, ...ends, pairs.length, ...pairs.flat()]);
    }
  }

  /** Bit by bit, the lowest to the lowest. One without such an enumeration has none of them. */
  #spans({ enum: name, shifts, except = [] }: NonNullable<CodedField['spans']>) {
    const known = (types: Types) => name in types.enums && shifts.enum in types.enums;
    if (!known(this.#from) || !known(this.#to)) return [];
    const masks = Object.entries(enumeration(this.#from, name)).flatMap(([constant, mask]) => {
      const becomes = enumeration(this.#to, name)[constant];
      return becomes === undefined || except.includes(constant) ? [] : [[mask, becomes] as const];
    });
    return shifts.names.flatMap((shift) => {
      const from = enumeration(this.#from, shifts.enum)[shift];
      const to = enumeration(this.#to, shifts.enum)[shift];
      if (from === undefined || to === undefined) return [];
      return masks.flatMap(([mask, becomes]) => {
        const places = bitsOf(becomes);
        return bitsOf(mask).flatMap((bit, i) => {
          const place = places[i];
          return place === undefined ? [] : [[(1 << (bit + from)) | 0, (1 << (place + to)) | 0]];
        });
      });
    });
  }

  /** Numbers of the names that both have. */
  #pairs(name: string): [number, number][] {
    const to = enumeration(this.#to, name);
    return Object.entries(enumeration(this.#from, name)).flatMap(([constant, number]) => {
      const becomes = to[constant];
      return becomes === undefined ? [] : [[number | 0, becomes | 0]];
    });
  }

  #copy(at: number, toAt: number, length: number): void {
    this.#steps.push([Step.COPY, at, toAt, length]);
  }
}

function isComposite(type: FieldType): type is FieldType & { kind: 'struct' | 'inline' } {
  return type.kind === 'struct' || type.kind === 'inline';
}

function isBytes(type: FieldType): type is FieldType & { kind: 'bytes' | 'text' } {
  return type.kind === 'bytes' || type.kind === 'text';
}

/** Numbers of the bits of a mask, lowest first. */
function bitsOf(mask: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (mask >>> bit) & 1);
}

function isOneBit(number: number): boolean {
  return number !== 0 && (number & (number - 1)) === 0;
}

function enumCode(from: Int, to: Int): CodedField | undefined {
  if (from.enum === undefined || from.enum !== to.enum) return undefined;
  return { code: { enum: from.enum, mask: 0xffffffff } };
}

function flags(type: Int): number {
  return (type.signed ? 1 : 0) | (type.bigEndian ? 2 : 0);
}
