/**
 * What a field, a map key or a map value is. `text` is an array of char, ended by NUL or its
 * length.
 */
export type FieldType =
  | {
      readonly kind: 'int';
      readonly size: 1 | 2 | 4 | 8;
      readonly signed: boolean;
      readonly bigEndian: boolean;
      /** Of a named enumeration: its name. */
      readonly enum?: string;
    }
  | { readonly kind: 'bytes'; readonly length: number }
  | { readonly kind: 'text'; readonly length: number }
  | { readonly kind: 'array'; readonly count: number; readonly element: FieldType }
  | { readonly kind: 'struct'; readonly name: string }
  | { readonly kind: 'inline'; readonly layout: StructLayout }
  | { readonly kind: 'unsupported'; readonly what: string };

/** One field: its C name and its byte offset in the struct. */
export interface FieldLayout {
  readonly name: string;
  readonly offset: number;
  readonly type: FieldType;
}

/**
 * A struct as the compiler laid it out; size in bytes. Members of anonymous structs and unions are
 * listed as the struct's own; of a union only the first member is.
 */
export interface StructLayout {
  readonly size: number;
  readonly fields: readonly FieldLayout[];
}

/** Types of a map's elements, as far as the object names them. */
export interface MapTypes {
  readonly key?: FieldType;
  readonly value?: FieldType;
  /** Of a map of maps: the elements of the maps it holds. */
  readonly inner?: { readonly key?: FieldType; readonly value?: FieldType };
}

/** What the kernel keeps of the types that a map was made with. */
export interface LoadedTypes {
  /** As in {@link Btf}: of the whole object, not of this map alone. */
  readonly structs: Record<string, StructLayout>;
  readonly enums: Record<string, Record<string, number>>;
  readonly key?: FieldType;
  /** Of a data section: a struct of its variables. */
  readonly value?: FieldType;
}

/** The named types of an object, as plain JSON. */
export interface Btf {
  /** By C name; unions too, as their first member. */
  readonly structs: Record<string, StructLayout>;
  /** By C name, then by constant. */
  readonly enums: Record<string, Record<string, number>>;
  /** By map name. */
  readonly maps: Record<string, MapTypes>;
}

/** A C name as TypeScript writes it: deny_all_services -> denyAllServices. */
export function camelCase(name: string): string {
  return name.replace(/(?<=[^_])_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Whether a field only fills a hole; such fields may be left out of values. */
export function isPadding(name: string): boolean {
  return /^_*pad(ding)?_?\d*$/.test(name);
}
