import { camelCase, type FieldType, isPadding, type StructLayout } from './btf.js';
import { BpfError } from './error.js';

/**
 * Straight-line JavaScript for one struct: offsets are numbers in the text, objects are literals,
 * and nothing is looked up by name at run time. That makes a codec several times faster than one
 * that walks the layout, which tells when hundreds of thousands of elements are read or written at
 * once.
 */
export interface CodecSource {
  /** An expression over `view`, `at` and the helpers `copy`, `text`, `list`. */
  readonly read: string;
  /** Statements over `view`, `at`, `value` and the helpers `put`, `putText`, `clear`, `refuse`. */
  readonly write: string;
}

type Structs = Readonly<Record<string, StructLayout>>;

const IDENTIFIER = /^[A-Za-z_]\w*$/;

/** The source of the codec of a struct; `path` is how errors call it. */
export function codecSource(structs: Structs, layout: StructLayout, path: string): CodecSource {
  const writer = new Writer(structs);
  return {
    read: readStruct(structs, layout, 'at', 0, path),
    write: writer.struct(layout, 'at', 'value', path),
  };
}

/** Refuses a struct that holds what no codec can carry. */
export function checkStruct(structs: Structs, layout: StructLayout, path: string): void {
  for (const { name, type } of layout.fields) {
    keyOf(name);
    checkType(structs, type, `${path}.${name}`);
  }
}

function checkType(structs: Structs, type: FieldType, path: string): void {
  if (type.kind === 'array') checkType(structs, type.element, path);
  else if (type.kind === 'inline') checkStruct(structs, type.layout, path);
  else if (type.kind === 'struct') {
    checkStruct(structs, layoutNamed(structs, type.name, path), path);
  } else if (type.kind === 'unsupported') {
    throw new BpfError(`${path}: a ${type.what} has no codec`);
  }
}

function layoutNamed(structs: Structs, name: string, path: string): StructLayout {
  const layout = Object.hasOwn(structs, name) ? structs[name] : undefined;
  if (layout === undefined) throw new BpfError(`${path}: no struct ${name}`, 'EUNKNOWN');
  return layout;
}

/** The TypeScript key of a field; only C identifiers get into the source. */
function keyOf(name: string): string {
  if (!IDENTIFIER.test(name)) throw new BpfError(`field ${JSON.stringify(name)}: no C name`);
  return camelCase(name);
}

function sizeOf(structs: Structs, type: FieldType, path: string): number {
  switch (type.kind) {
    case 'int':
      return type.size;
    case 'bytes':
    case 'text':
      return type.length;
    case 'array':
      return type.count * sizeOf(structs, type.element, path);
    case 'inline':
      return type.layout.size;
    case 'struct':
      return layoutNamed(structs, type.name, path).size;
    case 'unsupported':
      throw new BpfError(`${path}: a ${type.what} has no codec`);
  }
}

/** `at + 8`, or `at` when there is nothing to add. */
function place(base: string, offset: number): string {
  return offset === 0 ? base : `${base} + ${offset}`;
}

/** The DataView method for an integer, after "get" or "set", and its last argument. */
function access(type: FieldType & { kind: 'int' }): { method: string; order: string } {
  const sign = type.signed ? 'Int' : 'Uint';
  const method = type.size === 8 ? `Big${sign}64` : `${sign}${type.size * 8}`;
  return { method, order: type.size === 1 ? '' : `, ${!type.bigEndian}` };
}

function readStruct(
  structs: Structs,
  layout: StructLayout,
  base: string,
  offset: number,
  path: string,
): string {
  const fields = layout.fields
    .filter((field) => !isPadding(field.name))
    .map((field) => {
      const within = `${path}.${field.name}`;
      return `${keyOf(field.name)}: ${readField(structs, field.type, base, offset + field.offset, within)}`;
    });
  return `{ ${fields.join(', ')} }`;
}

function readField(
  structs: Structs,
  type: FieldType,
  base: string,
  offset: number,
  path: string,
): string {
  const at = place(base, offset);
  switch (type.kind) {
    case 'int': {
      const { method, order } = access(type);
      return `view.get${method}(${at}${order})`;
    }
    case 'bytes':
      return `copy(view, ${at}, ${type.length})`;
    case 'text':
      return `text(view, ${at}, ${type.length})`;
    case 'array': {
      const size = sizeOf(structs, type.element, path);
      // Each depth of nesting has a variable of its own.
      const inner = `${base}_`;
      const element = readField(structs, type.element, inner, 0, path);
      return `list(${type.count}, ${at}, ${size}, (${inner}) => (${element}))`;
    }
    case 'inline':
      return readStruct(structs, type.layout, base, offset, path);
    case 'struct':
      return readStruct(structs, layoutNamed(structs, type.name, path), base, offset, path);
    case 'unsupported':
      throw new BpfError(`${path}: a ${type.what} has no codec`);
  }
}

/** Makes the writing half; every value gets a variable of its own, hence the counter. */
class Writer {
  readonly #structs: Structs;
  #variables = 0;

  constructor(structs: Structs) {
    this.#structs = structs;
  }

  struct(layout: StructLayout, at: string, value: string, path: string): string {
    const lines = [
      `if (typeof ${value} !== 'object' || ${value} === null) refuse(${JSON.stringify(path)}, 'an object', ${value});`,
    ];
    for (const field of layout.fields) {
      const key = keyOf(field.name);
      const within = `${path}.${key}`;
      const one = `v${this.#variables++}`;
      const to = place(at, field.offset);
      const write = this.#field(field.type, to, one, within);
      lines.push(`const ${one} = ${value}.${key};`);
      if (isPadding(field.name)) {
        const size = sizeOf(this.#structs, field.type, within);
        lines.push(`if (${one} === undefined) clear(view, ${to}, ${size}); else { ${write} }`);
      } else {
        lines.push(write);
      }
    }
    return lines.join('\n');
  }

  #field(type: FieldType, at: string, value: string, path: string): string {
    const name = JSON.stringify(path);
    switch (type.kind) {
      case 'int':
        return this.#integer(type, at, value, name);
      case 'bytes':
        return `put(view, ${at}, ${type.length}, ${value}, ${name});`;
      case 'text':
        return `putText(view, ${at}, ${type.length}, ${value}, ${name});`;
      case 'array':
        return this.#array(type.element, type.count, at, value, path);
      case 'inline':
        return this.struct(type.layout, at, value, path);
      case 'struct':
        return this.struct(layoutNamed(this.#structs, type.name, path), at, value, path);
      case 'unsupported':
        throw new BpfError(`${path}: a ${type.what} has no codec`);
    }
  }

  #integer(type: FieldType & { kind: 'int' }, at: string, value: string, name: string): string {
    const { method, order } = access(type);
    const bits = type.size * 8;
    const big = type.signed ? 'BigInt.asIntN' : 'BigInt.asUintN';
    let fits: string;
    if (type.size === 8) fits = `typeof ${value} === 'bigint' && ${big}(64, ${value}) === ${value}`;
    else if (type.signed) fits = `${value} << ${32 - bits} >> ${32 - bits} === ${value}`;
    else fits = `${value} << ${32 - bits} >>> ${32 - bits} === ${value}`;
    const kind = type.size === 8 ? 'a bigint' : 'a whole number';
    const range = `${kind} of ${bits} bits, ${type.signed ? 'signed' : 'unsigned'}`;
    return `if (!(${fits})) refuse(${name}, '${range}', ${value}); view.set${method}(${at}, ${value}${order});`;
  }

  #array(element: FieldType, count: number, at: string, value: string, path: string): string {
    const n = this.#variables++;
    const [index, to, one] = [`i${n}`, `a${n}`, `e${n}`];
    const size = sizeOf(this.#structs, element, path);
    return [
      `if (!Array.isArray(${value}) || ${value}.length !== ${count}) refuse(${JSON.stringify(path)}, 'an array of ${count}', ${value});`,
      `for (let ${index} = 0, ${to} = ${at}; ${index} < ${count}; ${index}++, ${to} += ${size}) {`,
      `const ${one} = ${value}[${index}];`,
      this.#field(element, to, one, path),
      '}',
    ].join('\n');
  }
}
