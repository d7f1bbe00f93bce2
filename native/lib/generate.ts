import { type Btf, camelCase, type FieldType, isPadding, type StructLayout } from './btf.js';
import { codec } from './codec.js';
import { BpfError } from './error.js';

/** A struct of this name lists, as members, what is exported although no map is made of it. */
const EXPORTED = 'layouts_exported';

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** Words that no constant may be called. */
const RESERVED = new Set(
  (
    'break case catch class const continue debugger default delete do else enum export extends false ' +
    'finally for function if implements import in instanceof interface let new null package private ' +
    'protected public return static super switch this throw true try typeof var void while with yield ' +
    'await codec structs'
  ).split(' '),
);

/**
 * TypeScript for the layouts of an object: for each struct that is a key or value of a map or a
 * member of `struct layouts_exported` (and the structs in it) an interface and a codec; for each
 * named enum its constants without their common prefix. The layouts are part of the text.
 * @param library what the text imports codec() from
 * @throws {BpfError} EUSAGE when a struct holds what no codec can carry
 */
export function generateLayouts(btf: Btf, library: string): string {
  const names = exportedStructs(btf);
  const structs: Record<string, StructLayout> = {};
  for (const name of names) structs[name] = layoutOf(btf, name);
  const parts = [
    '// Generated from the BTF of a BPF object; do not edit.',
    `import { type Btf, type Codec, codec } from ${quote(library)};`,
    '',
    "const structs: Btf['structs'] = {",
    ...names.map((name) => `  ${JSON.stringify(name)}: ${JSON.stringify(structs[name])},`),
    '};',
    '',
    ...names.map((name) => structText(btf, name)),
    ...Object.keys(btf.enums)
      .sort()
      .map((name) => enumText(name, btf.enums[name] ?? {})),
  ];
  return parts.join('\n');
}

/** A C name as a type is called: state_key -> StateKey. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/**
 * The constants of an enum under short names: the words that all share, up to an underscore, are
 * dropped; a lone constant keeps its last word.
 */
export function shortNames(names: readonly string[]): string[] {
  const words = names.map((name) => name.split('_'));
  const first = words[0] ?? [];
  const most = Math.min(...words.map((word) => word.length)) - 1;
  let shared = 0;
  while (shared < most && words.every((word) => word[shared] === first[shared])) shared++;
  return words.map((word) => word.slice(shared).join('_'));
}

function layoutOf(btf: Btf, name: string): StructLayout {
  const layout = Object.hasOwn(btf.structs, name) ? btf.structs[name] : undefined;
  if (layout === undefined) throw new BpfError(`no struct ${name}`, 'EUNKNOWN');
  return layout;
}

function exportedStructs(btf: Btf): string[] {
  const found = new Set<string>();
  const visit = (type: FieldType | undefined): void => {
    if (type === undefined) return;
    if (type.kind === 'array') visit(type.element);
    if (type.kind === 'inline') for (const field of type.layout.fields) visit(field.type);
    if (type.kind === 'struct' && !found.has(type.name)) {
      found.add(type.name);
      for (const field of layoutOf(btf, type.name).fields) visit(field.type);
    }
  };
  for (const map of Object.values(btf.maps)) {
    for (const type of [map.key, map.value, map.inner?.key, map.inner?.value]) visit(type);
  }
  if (Object.hasOwn(btf.structs, EXPORTED)) {
    for (const field of layoutOf(btf, EXPORTED).fields) visit(field.type);
  }
  for (const name of found) codec(btf, name);
  return [...found].sort();
}

function structText(btf: Btf, name: string): string {
  const layout = layoutOf(btf, name);
  const type = pascalCase(name);
  const constant = camelCase(name);
  return [
    `/** struct ${name}, ${layout.size} bytes. */`,
    `export interface ${type} ${shape(layout, '')}`,
    '',
    `/** Reads and writes struct ${name}. */`,
    `export const ${RESERVED.has(constant) ? `${constant}_` : constant}: Codec<${type}> = codec({ structs }, ${quote(name)});`,
    '',
  ].join('\n');
}

function shape(layout: StructLayout, indent: string): string {
  const lines = layout.fields.map((field) => {
    const optional = isPadding(field.name) ? '?' : '';
    return `${indent}  ${camelCase(field.name)}${optional}: ${typeText(field.type, `${indent}  `)};`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function typeText(type: FieldType, indent: string): string {
  switch (type.kind) {
    case 'int':
      return type.size === 8 ? 'bigint' : 'number';
    case 'bytes':
      return 'Uint8Array';
    case 'text':
      return 'string';
    case 'array':
      return `${typeText(type.element, indent)}[]`;
    case 'struct':
      return pascalCase(type.name);
    case 'inline':
      return shape(type.layout, indent);
    case 'unsupported':
      throw new BpfError(`a ${type.what} has no type`);
  }
}

function enumText(name: string, constants: Record<string, number>): string {
  const type = pascalCase(name);
  const values = Object.values(constants);
  const lines = shortNames(Object.keys(constants)).map(
    (key, i) => `  ${IDENTIFIER.test(key) ? key : quote(key)}: ${values[i]},`,
  );
  return [
    `/** enum ${name}. */`,
    `export const ${type} = {`,
    ...lines,
    '} as const;',
    `/** One of the constants of enum ${name}. */`,
    `export type ${type} = (typeof ${type})[keyof typeof ${type}];`,
    '',
  ].join('\n');
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
