import { readAnyYaml } from './document/any-yaml.js';
import { isList, isMap, type Mapping, type Node } from './document/nodes.js';
import { readPlainYaml } from './document/plain-yaml.js';
import { PolicyError, type PolicyErrorCode, quote } from './errors.js';
import { nearest } from './nearest.js';
import type { Position } from './plan.js';

/** A key of a map with what stands behind it. */
export interface Entry {
  readonly key: string;
  readonly keyNode: Node;
  /** Null when nothing stands behind the key. */
  readonly value: Node | null;
}

/** Keys of a map by name; `position` is that of the map. */
export interface Fields {
  readonly position: Position;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** Where a node stands that has no place of its own. */
const START = { line: 1, column: 1 };

/**
 * The nodes of one YAML document, read with a type in mind. Every complaint is a PolicyError at the
 * place of the offending node.
 */
export class Reader {
  readonly file: string;
  readonly root: Node | null;

  constructor(text: string, file: string) {
    this.file = file;
    const plain = readPlainYaml(text);
    const read = plain === undefined ? readAnyYaml(text) : { root: plain };
    if ('problem' in read) {
      const { problem, line, column } = read;
      const hint = 'write plain YAML 1.2: spaces for indentation, quotes around special characters';
      this.fail('syntax', { file, line, column }, `this is not YAML: ${problem}`, hint);
    }
    this.root = read.root;
  }

  /** Where a node stands; nodes without a place of their own stand at the start of the file. */
  at(node: Node | null): Position {
    const { line, column } = node ?? START;
    return { file: this.file, line, column };
  }

  /** Throws a PolicyError at a node or a position. */
  fail(code: PolicyErrorCode, where: Node | Position, problem: string, hint: string): never {
    const position = 'file' in where ? where : this.at(where);
    throw new PolicyError(code, position, problem, hint);
  }

  /** The entries of a map in the order of the file; each key once. `what` names the map. */
  map(node: Node | null, where: Node | Position, what: string, hint: string): Entry[] {
    if (!isMap(node)) this.#wrongType(node, where, what, 'a map', hint);
    const entries: Entry[] = [];
    const seen = new Map<string, Node>();
    const { keys, values } = node;
    for (let i = 0; i < keys.length; i++) {
      const keyNode = keys[i]!;
      const key = this.keyText(keyNode);
      const first = seen.get(key);
      if (first !== undefined) this.#refuseTwin(keyNode, key, first, what);
      seen.set(key, keyNode);
      entries.push({ key, keyNode, value: values[i]! });
    }
    return entries;
  }

  /** Refuses a map that has a key twice. `what` names the map. */
  refuseTwins({ keys }: Mapping, what: string): void {
    const seen = new Set<string>();
    for (let i = 0; i < keys.length; i++) {
      const key = this.keyText(keys[i]!);
      seen.add(key);
      if (seen.size > i) continue;
      const first = keys.find((node) => this.keyText(node) === key)!;
      this.#refuseTwin(keys[i]!, key, first, what);
    }
  }

  #refuseTwin(keyNode: Node, key: string, first: Node, what: string): never {
    const merge = `the first one is in line ${this.at(first).line}: merge the two`;
    this.fail('duplicate', keyNode, `${quote(key)} occurs twice in ${what}`, merge);
  }

  /** A map with a known set of keys. `later` are keys that exist but cannot be used yet. */
  fields(
    node: Node | null,
    where: Node | Position,
    what: string,
    known: readonly string[],
    later: readonly string[] = [],
  ): Fields {
    const hint = `its keys are ${known.join(', ')}`;
    const entries = new Map<string, Entry>();
    for (const entry of this.map(node, where, what, hint)) {
      if (later.includes(entry.key)) this.unsupported(entry.keyNode, `${entry.key} in ${what}`);
      if (!known.includes(entry.key)) {
        const near = nearest(entry.key, [...known, ...later]);
        const instead = near === null ? hint : `did you mean ${near}?`;
        this.fail(
          'unknown-key',
          entry.keyNode,
          `unknown key ${quote(entry.key)} in ${what}`,
          instead,
        );
      }
      entries.set(entry.key, entry);
    }
    return { position: this.at(node), entries };
  }

  /** The elements of a list. */
  list(
    node: Node | null,
    where: Node | Position,
    what: string,
    hint: string,
  ): readonly (Node | null)[] {
    if (!isList(node)) this.#wrongType(node, where, what, 'a list', hint);
    return node.items;
  }

  /** A scalar as text, exactly as written (`10.1` stays `10.1`). */
  text(node: Node | null, where: Node | Position, what: string, hint: string): string {
    const text = this.scalarText(node);
    if (text === null) this.#wrongType(node, where, what, 'text', hint);
    return text;
  }

  /** Text of a scalar, or null for anything else and for an empty value. */
  scalarText(node: Node | null): string | null {
    return node?.kind === 'scalar' ? node.text : null;
  }

  boolean(
    node: Node | null,
    where: Node | Position,
    what: string,
    expected = { what: 'true or false', hint: 'write true or false' },
  ): boolean {
    if (node?.kind === 'scalar' && node.flag !== null) return node.flag;
    this.#wrongType(node, where, what, expected.what, expected.hint);
  }

  /** A whole number from `low` to `high`. */
  integer(
    node: Node | null,
    where: Node | Position,
    what: string,
    low: number,
    high: number,
  ): number {
    const text = this.scalarText(node) ?? '';
    const value = /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;
    const hint = `write a whole number from ${low} to ${high}`;
    if (Number.isNaN(value)) this.#wrongType(node, where, what, 'a whole number', hint);
    if (value < low || value > high) {
      this.fail('wrong-type', node ?? where, `${what} cannot be ${text}`, hint);
    }
    return value;
  }

  /** A key as text; a list as key is joined, so that `[25/tcp, 80/tcp]` is one. */
  keyText(node: Node): string {
    if (isList(node)) {
      return node.items.map((item) => this.text(item, node, 'a key', 'write one word')).join(', ');
    }
    return this.text(node, node, 'a key', 'write one word, in quotes if need be');
  }

  /** Refuses what the grammar knows but this version does not do. */
  unsupported(where: Node | Position, what: string): never {
    this.fail('unsupported', where, `${what} is not supported yet`, 'leave it out for now');
  }

  #wrongType(
    node: Node | null,
    where: Node | Position,
    what: string,
    wanted: string,
    hint: string,
  ): never {
    if (node?.kind === 'alias') {
      const instead = 'write it out, or give it a name under groups or services';
      this.fail('unsupported', node, 'YAML aliases are not supported', instead);
    }
    const found = isMap(node) ? 'a map' : isList(node) ? 'a list' : this.#scalarKind(node);
    const place = node !== null && found !== 'empty' ? node : where;
    this.fail('wrong-type', place, `${what} must be ${wanted}, but is ${found}`, hint);
  }

  #scalarKind(node: Node | null): string {
    const text = this.scalarText(node);
    return text === null ? 'empty' : quote(text);
  }
}
