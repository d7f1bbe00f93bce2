/** Any YAML document, by a library that knows all of the language. It is loaded when it is needed. */
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import type { Node } from './nodes.js';

/** What is wrong with a text that is no YAML, and where. */
export interface Malformed {
  readonly problem: string;
  readonly line: number;
  readonly column: number;
}

/** The root of a document; null: there is nothing in it. */
export function readAnyYaml(text: string): { readonly root: Node | null } | Malformed {
  const yaml = createRequire(import.meta.url)('yaml') as typeof Yaml;
  const lines = new yaml.LineCounter();
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  // Duplicate keys are found by who reads the nodes, in linear time and with a hint of ours.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false };
  const document = yaml.parseDocument(text, options);
  const error = document.errors[0] ?? document.warnings[0];
  if (error !== undefined) {
    const problem = error.message.replace(/\s+/g, ' ').trim();
    return { problem, ...place(error.pos[0]) };
  }
  const convert = (node: Yaml.Node | null): Node | null => {
    if (node === null) return null;
    const at = place(node.range?.[0] ?? 0);
    if (yaml.isAlias(node)) return { kind: 'alias', ...at };
    if (yaml.isMap(node)) {
      const keys = node.items.map(({ key }) => convert(key as Yaml.Node)!);
      const values = node.items.map(({ value }) => convert((value ?? null) as Yaml.Node | null));
      return { kind: 'map', keys, values, ...at };
    }
    if (yaml.isSeq(node)) {
      const items = node.items.map((item) => convert((item ?? null) as Yaml.Node | null));
      return { kind: 'list', items, ...at };
    }
    if (yaml.isPair(node)) {
      // An item of an ordered map of YAML 1.1.
      const [key, value] = [node.key, node.value ?? null] as [Yaml.Node, Yaml.Node | null];
      return { kind: 'map', keys: [convert(key)!], values: [convert(value)], ...at };
    }
    const { value, source, type } = node as Yaml.Scalar;
    const text = type === yaml.Scalar.PLAIN && source !== undefined ? source : String(value);
    const flag = typeof value === 'boolean' ? value : null;
    return { kind: 'scalar', text: value === null ? null : text, flag, ...at };
  };
  return { root: convert(document.contents as Yaml.Node | null) };
}
