import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
} from 'yaml';
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

/**
 * The nodes of one YAML document, read with a type in mind. Every complaint is a PolicyError at the
 * place of the offending node.
 */
export class Reader {
  readonly file: string;
  readonly root: Node | null;
  readonly #lines = new LineCounter();

  constructor(text: string, file: string) {
    this.file = file;
    // Duplicate keys are found in map(), in linear time and with a hint of ours.
    const options = { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false };
    const document = parseDocument(text, options);
    const error = document.errors[0] ?? document.warnings[0];
    if (error !== undefined) {
      const what = error.message.replace(/\s+/g, ' ').trim();
      const hint = 'write plain YAML 1.2: spaces for indentation, quotes around special characters';
      this.#failAt(error.pos[0], 'syntax', `this is not YAML: ${what}`, hint);
    }
    this.root = document.contents;
  }

  /** Where a node stands; nodes without a place of their own stand at the start of the file. */
  at(node: Node | null): Position {
    return this.#position(node?.range?.[0] ?? 0);
  }

  /** Throws a PolicyError at a node or a position. */
  fail(code: PolicyErrorCode, where: Node | Position, problem: string, hint: string): never {
    const position = 'line' in where ? where : this.at(where);
    throw new PolicyError(code, position, problem, hint);
  }

  /** The entries of a map in the order of the file; each key once. `what` names the map. */
  map(node: Node | null, where: Node | Position, what: string, hint: string): Entry[] {
    if (!isMap(node)) this.#wrongType(node, where, what, 'a map', hint);
    const entries: Entry[] = [];
    const seen = new Map<string, Node>();
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const keyNode = pair.key as Node;
      const key = this.keyText(keyNode);
      const first = seen.get(key);
      if (first !== undefined) {
        const line = this.at(first).line;
        const merge = `the first one is in line ${line}: merge the two`;
        this.fail('duplicate', keyNode, `${quote(key)} occurs twice in ${what}`, merge);
      }
      seen.set(key, keyNode);
      entries.push({ key, keyNode, value: (pair.value ?? null) as Node | null });
    }
    return entries;
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
  list(node: Node | null, where: Node | Position, what: string, hint: string): Node[] {
    if (!isSeq(node)) this.#wrongType(node, where, what, 'a list', hint);
    return node.items as Node[];
  }

  /** A scalar as text, exactly as written (`10.1` stays `10.1`). */
  text(node: Node | null, where: Node | Position, what: string, hint: string): string {
    const text = this.scalarText(node);
    if (text === null) this.#wrongType(node, where, what, 'text', hint);
    return text;
  }

  /** Text of a scalar, or null for anything else and for an empty value. */
  scalarText(node: Node | null): string | null {
    if (!isScalar(node) || node.value === null) return null;
    const plain = node.type === Scalar.PLAIN ? node.source : undefined;
    return plain ?? String(node.value);
  }

  boolean(
    node: Node | null,
    where: Node | Position,
    what: string,
    expected = { what: 'true or false', hint: 'write true or false' },
  ): boolean {
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
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
    if (isSeq(node)) {
      return (node.items as Node[])
        .map((item) => this.text(item, node, 'a key', 'write one word'))
        .join(', ');
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
    if (isAlias(node)) {
      const instead = 'write it out, or give it a name under groups or services';
      this.fail('unsupported', node, 'YAML aliases are not supported', instead);
    }
    const found = isMap(node) ? 'a map' : isSeq(node) ? 'a list' : this.#scalarKind(node);
    const place = node?.range && found !== 'empty' ? node : where;
    this.fail('wrong-type', place, `${what} must be ${wanted}, but is ${found}`, hint);
  }

  #scalarKind(node: Node | null): string {
    const text = this.scalarText(node);
    return text === null ? 'empty' : quote(text);
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #failAt(offset: number, code: PolicyErrorCode, problem: string, hint: string): never {
    throw new PolicyError(code, this.#position(offset), problem, hint);
  }
}
