/** What a YAML document is made of, as far as a policy goes. Lines and columns from 1. */

interface Placed {
  readonly line: number;
  readonly column: number;
}

export interface Scalar extends Placed {
  readonly kind: 'scalar';
  /** As written where it is plain (`10.1` stays `10.1`), what it stands for where it is not; null: empty. */
  readonly text: string | null;
  /** Written as true or false. */
  readonly flag: boolean | null;
}

/** Keys and values side by side; null where nothing stands behind a key, not even an empty value. */
export interface Mapping extends Placed {
  readonly kind: 'map';
  readonly keys: readonly Node[];
  readonly values: readonly (Node | null)[];
}

export interface Sequence extends Placed {
  readonly kind: 'list';
  readonly items: readonly (Node | null)[];
}

export interface Alias extends Placed {
  readonly kind: 'alias';
}

export type Node = Scalar | Mapping | Sequence | Alias;

export function isMap(node: Node | null | undefined): node is Mapping {
  return node?.kind === 'map';
}

export function isList(node: Node | null | undefined): node is Sequence {
  return node?.kind === 'list';
}

/** Is there such a key, written as one word? */
export function hasKey({ keys }: Mapping, key: string): boolean {
  return keys.some((node) => node.kind === 'scalar' && node.text === key);
}
