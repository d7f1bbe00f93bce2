/**
 * YAML as policies are nearly always written: maps and lists by indentation, flow collections on one line,
 * plain and simply quoted words, comments. Reads that at once, and nothing else: at the first sign of
 * anything more (anchors, tags, escapes, words over several lines, tabs, empty values, mistakes) it says that
 * it does not know, and whoever knows all of the language is to be asked. What it says is what that one says.
 */
import type { Mapping, Node, Scalar, Sequence } from './nodes.js';

/** What may stand in a text at all: no tabs, no carriage returns, nothing that only looks like a space. */
const UNUSUAL = /[^\n\x20-\x7e\xa1-\u1fff]/;
const [SPACE, DOUBLE, HASH, SINGLE] = [0x20, 0x22, 0x23, 0x27];
const [COMMA, DASH, COLON, BACKSLASH] = [0x2c, 0x2d, 0x3a, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [0x5b, 0x5d, 0x7b, 0x7d];
const DEEPEST = 50;
/** YAML bounds what is a key; so long a one is for the other reader. */
const LONGEST_KEY = 512;

/** With which a plain word begins that cannot be anything else. */
const BEGINS = table('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./');
/** What ends or may end a plain word within a flow collection. */
const FLOW_ENDS = table(',[]{}');
const EMPTY = new Set(['null', 'Null', 'NULL']);
const TRUE = new Set(['true', 'True', 'TRUE']);
const FALSE = new Set(['false', 'False', 'FALSE']);

function table(characters: string): Uint8Array {
  const found = new Uint8Array(128);
  for (let i = 0; i < characters.length; i++) found[characters.charCodeAt(i)] = 1;
  return found;
}

class Unknown extends Error {}

/** Thrown and caught here alone: it needs no stack of its own. */
const UNKNOWN = new Unknown();

/** The root of a document; undefined: not for this reader. */
export function readPlainYaml(text: string): Node | undefined {
  if (UNUSUAL.test(text)) return undefined;
  try {
    return new PlainYaml(text).read();
  } catch (error) {
    if (error === UNKNOWN) return undefined;
    throw error;
  }
}

class PlainYaml {
  readonly #text: string;
  /** Number of the line, where it begins and ends, and where the first thing in it stands. */
  #line = 0;
  #start = 0;
  #end = -1;
  #at = 0;
  #over = false;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Node {
    this.#nextLine();
    if (this.#over || this.#at !== this.#start) throw UNKNOWN;
    const root = this.#map(0);
    if (!this.#over) throw UNKNOWN;
    return root;
  }

  get #indent(): number {
    return this.#at - this.#start;
  }

  /** Goes to the next line with anything but a comment in it. */
  #nextLine(): void {
    const text = this.#text;
    for (;;) {
      const start = this.#end + 1;
      if (start >= text.length) {
        this.#over = true;
        return;
      }
      const newline = text.indexOf('\n', start);
      const end = newline < 0 ? text.length : newline;
      this.#line++;
      this.#end = end;
      let at = start;
      while (at < end && text.charCodeAt(at) === SPACE) at++;
      if (at === end || text.charCodeAt(at) === HASH) continue;
      // The end of a document.
      if (text.startsWith('...', start)) throw UNKNOWN;
      this.#start = start;
      this.#at = at;
      return;
    }
  }

  /** The map whose first key stands here, and whose other keys have that indent. */
  #map(indent: number): Mapping {
    if (++this.#depth > DEEPEST) throw UNKNOWN;
    const { line, column } = this.#place(this.#at);
    const keys: Node[] = [];
    const values: Node[] = [];
    do {
      keys.push(this.#blockKey());
      this.#skipSpaces();
      values.push(this.#isLineOver() ? this.#blockBelow(indent) : this.#value(indent));
      if (this.#over || this.#indent < indent) break;
      if (this.#indent > indent) throw UNKNOWN;
    } while (!this.#isItem());
    this.#depth--;
    return { kind: 'map', keys, values, line, column };
  }

  /** What stands on the lines below a key of that indent. */
  #blockBelow(indent: number): Node {
    this.#nextLine();
    if (this.#over) throw UNKNOWN;
    const own = this.#indent;
    if (own < indent) throw UNKNOWN;
    if (this.#isItem()) return this.#list(own);
    if (own === indent) throw UNKNOWN;
    return this.#map(own);
  }

  /** What stands on the rest of this line; goes to the next. */
  #value(indent: number): Node {
    const node = this.#inline();
    this.#skipSpaces();
    if (!this.#isLineOver()) throw UNKNOWN;
    this.#nextLine();
    // A word may go on in the next line.
    if (!this.#over && this.#indent > indent) throw UNKNOWN;
    return node;
  }

  /** The list whose first dash stands here. */
  #list(indent: number): Sequence {
    if (++this.#depth > DEEPEST) throw UNKNOWN;
    const { line, column } = this.#place(this.#at);
    const items: Node[] = [];
    do {
      this.#at++;
      this.#skipSpaces();
      if (this.#isLineOver()) throw UNKNOWN;
      items.push(this.#isKey() ? this.#map(this.#indent) : this.#value(indent));
      if (this.#over || this.#indent < indent) break;
      if (this.#indent > indent) throw UNKNOWN;
    } while (this.#isItem());
    this.#depth--;
    return { kind: 'list', items, line, column };
  }

  /** A dash with something behind it. */
  #isItem(): boolean {
    const text = this.#text;
    const { charCode, next } = { charCode: text.charCodeAt(this.#at), next: this.#at + 1 };
    return charCode === DASH && (next >= this.#end || text.charCodeAt(next) === SPACE);
  }

  #isLineOver(): boolean {
    if (this.#at >= this.#end) return true;
    const text = this.#text;
    if (text.charCodeAt(this.#at) !== HASH) return false;
    if (text.charCodeAt(this.#at - 1) !== SPACE) throw UNKNOWN;
    return true;
  }

  #skipSpaces(): void {
    const text = this.#text;
    while (this.#at < this.#end && text.charCodeAt(this.#at) === SPACE) this.#at++;
  }

  /** Is what stands here a key of a map, and not a word or a flow collection? */
  #isKey(): boolean {
    const text = this.#text;
    const first = text.charCodeAt(this.#at);
    if (first === OPEN_LIST || first === OPEN_MAP) return false;
    if (first === DOUBLE || first === SINGLE) {
      return text.charCodeAt(this.#closingQuote(this.#at) + 1) === COLON;
    }
    return this.#colon(this.#at) >= 0;
  }

  /** Where the colon stands that ends a plain key; -1: nowhere on this line. */
  #colon(from: number): number {
    const text = this.#text;
    for (let at = from; at < this.#end; at++) {
      const code = text.charCodeAt(at);
      if (code === HASH && text.charCodeAt(at - 1) === SPACE) return -1;
      if (code !== COLON) continue;
      const next = at + 1;
      if (next === this.#end || text.charCodeAt(next) === SPACE) return at;
    }
    return -1;
  }

  /** A key with its colon. */
  #blockKey(): Scalar {
    const text = this.#text;
    const from = this.#at;
    const first = text.charCodeAt(from);
    if (first === DOUBLE || first === SINGLE) {
      const key = this.#quoted();
      if (this.#at - from > LONGEST_KEY) throw UNKNOWN;
      const behind = this.#at + 1;
      if (text.charCodeAt(this.#at) !== COLON) throw UNKNOWN;
      if (behind < this.#end && text.charCodeAt(behind) !== SPACE) throw UNKNOWN;
      this.#at = behind;
      return key;
    }
    const colon = this.#colon(from);
    if (colon < 0 || colon - from > LONGEST_KEY) throw UNKNOWN;
    this.#at = colon + 1;
    return this.#word(from, colon);
  }

  /** A word or a flow collection in a block. */
  #inline(): Node {
    const text = this.#text;
    const from = this.#at;
    const first = text.charCodeAt(from);
    if (first === OPEN_LIST || first === OPEN_MAP) return this.#flow();
    if (first === DOUBLE || first === SINGLE) return this.#quoted();
    let at = from;
    for (; at < this.#end; at++) {
      const code = text.charCodeAt(at);
      if (code === HASH && text.charCodeAt(at - 1) === SPACE) break;
      if (code !== COLON) continue;
      if (at + 1 >= this.#end || text.charCodeAt(at + 1) === SPACE) throw UNKNOWN;
    }
    this.#at = at;
    while (text.charCodeAt(at - 1) === SPACE) at--;
    return this.#word(from, at);
  }

  #flow(): Node {
    if (++this.#depth > DEEPEST) throw UNKNOWN;
    const isMap = this.#text.charCodeAt(this.#at) === OPEN_MAP;
    const node = isMap ? this.#flowMap() : this.#flowList();
    this.#depth--;
    return node;
  }

  #flowList(): Sequence {
    const { line, column } = this.#place(this.#at);
    const items: Node[] = [];
    this.#at++;
    this.#skipSpaces();
    if (this.#isClosed(CLOSE_LIST)) return { kind: 'list', items, line, column };
    for (;;) {
      items.push(this.#flowItem());
      if (this.#isFlowOver(CLOSE_LIST)) return { kind: 'list', items, line, column };
    }
  }

  #flowMap(): Mapping {
    const text = this.#text;
    const { line, column } = this.#place(this.#at);
    const keys: Node[] = [];
    const values: Node[] = [];
    this.#at++;
    this.#skipSpaces();
    if (this.#isClosed(CLOSE_MAP)) return { kind: 'map', keys, values, line, column };
    for (;;) {
      const first = text.charCodeAt(this.#at);
      if (first === OPEN_LIST || first === OPEN_MAP) throw UNKNOWN;
      const from = this.#at;
      keys.push(this.#flowItem());
      if (text.charCodeAt(this.#at) !== COLON || this.#at - from > LONGEST_KEY) throw UNKNOWN;
      this.#at++;
      if (text.charCodeAt(this.#at) !== SPACE) throw UNKNOWN;
      this.#skipSpaces();
      values.push(this.#flowItem());
      if (this.#isFlowOver(CLOSE_MAP)) return { kind: 'map', keys, values, line, column };
    }
  }

  #isClosed(by: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== by) return false;
    this.#at++;
    return true;
  }

  /** Behind an item: goes to the next one, or past the end. */
  #isFlowOver(by: number): boolean {
    this.#skipSpaces();
    if (this.#isClosed(by)) return true;
    if (this.#text.charCodeAt(this.#at) !== COMMA) throw UNKNOWN;
    this.#at++;
    this.#skipSpaces();
    return false;
  }

  #flowItem(): Node {
    const text = this.#text;
    const from = this.#at;
    if (from >= this.#end) throw UNKNOWN;
    const first = text.charCodeAt(from);
    if (first === OPEN_LIST || first === OPEN_MAP) return this.#flow();
    if (first === DOUBLE || first === SINGLE) return this.#quoted();
    let at = from;
    for (; ; at++) {
      if (at >= this.#end) throw UNKNOWN;
      const code = text.charCodeAt(at);
      if (FLOW_ENDS[code] === 1) break;
      if (code === HASH && text.charCodeAt(at - 1) === SPACE) throw UNKNOWN;
      if (code !== COLON) continue;
      const next = text.charCodeAt(at + 1);
      if (next === SPACE || FLOW_ENDS[next] === 1 || at + 1 >= this.#end) break;
    }
    this.#at = at;
    if (text.charCodeAt(at) !== COLON) while (text.charCodeAt(at - 1) === SPACE) at--;
    return this.#word(from, at);
  }

  #closingQuote(from: number): number {
    const text = this.#text;
    const quote = text.charCodeAt(from);
    for (let at = from + 1; at < this.#end; at++) {
      const code = text.charCodeAt(at);
      if (code === BACKSLASH && quote === DOUBLE) throw UNKNOWN;
      if (code !== quote) continue;
      // Two single quotes are one.
      if (quote === SINGLE && text.charCodeAt(at + 1) === SINGLE) throw UNKNOWN;
      return at;
    }
    throw UNKNOWN;
  }

  #quoted(): Scalar {
    const from = this.#at;
    const close = this.#closingQuote(from);
    this.#at = close + 1;
    const { line, column } = this.#place(from);
    return { kind: 'scalar', text: this.#text.slice(from + 1, close), flag: null, line, column };
  }

  /** A plain word. */
  #word(from: number, to: number): Scalar {
    const text = this.#text;
    if (to <= from || BEGINS[text.charCodeAt(from)] !== 1) throw UNKNOWN;
    if (text.charCodeAt(to - 1) === SPACE) throw UNKNOWN;
    const word = text.slice(from, to);
    let flag: boolean | null = null;
    // Nothing else that is not text has letters alone and four or five of them.
    if (to - from === 4 || to - from === 5) {
      if (EMPTY.has(word)) throw UNKNOWN;
      flag = TRUE.has(word) ? true : FALSE.has(word) ? false : null;
    }
    return { kind: 'scalar', text: word, flag, line: this.#line, column: from - this.#start + 1 };
  }

  #place(at: number): { line: number; column: number } {
    return { line: this.#line, column: at - this.#start + 1 };
  }
}
