/** YAML values that know where they stand, and that complain about themselves. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import { nearest } from '../policy/nearest.js';
import { ConfigError, type ConfigErrorCode, type ConfigPosition } from './errors.js';

interface Source {
  readonly file: string;
  readonly lines: LineCounter;
  readonly document: Document;
}

/** One value of the file; `name` is its path for messages, such as `bridge.ports[1].side`. */
export class Located {
  readonly name: string;
  readonly position: ConfigPosition;
  readonly #node: Node | null;
  readonly #source: Source;

  private constructor(source: Source, node: Node | null, name: string, position: ConfigPosition) {
    this.#source = source;
    this.#node = isAlias(node) ? (node.resolve(source.document) ?? null) : node;
    this.name = name;
    this.position = position;
  }

  /** Parses one YAML document. Throws ConfigError `syntax`. */
  static parse(text: string, file: string): Located {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) {
      const duplicate = error.code === 'DUPLICATE_KEY';
      throw new ConfigError(
        duplicate ? 'duplicate' : 'syntax',
        place(file, lines, error.pos[0]),
        duplicate ? 'the same key stands here a second time' : `not valid YAML: ${error.message}`,
        duplicate ? 'remove one of the two' : '',
      );
    }
    const source = { file, lines, document };
    const start = document.contents?.range?.[0] ?? 0;
    return new Located(source, document.contents, 'the node file', place(file, lines, start));
  }

  /** Makes an error that points at this value. */
  error(code: ConfigErrorCode, what: string, hint = ''): ConfigError {
    return new ConfigError(code, this.position, what, hint);
  }

  string(): string {
    if (!isScalar(this.#node) || typeof this.#node.value !== 'string' || this.#node.value === '') {
      const scalar = isScalar(this.#node) && this.#node.value !== null && this.#node.value !== '';
      const hint = scalar ? 'put it in quotes' : '';
      throw this.error('invalid', `${this.name} must be a text`, hint);
    }
    return this.#node.value;
  }

  /** A text, or what a number looks like. */
  text(): string {
    const value = isScalar(this.#node) ? this.#node.value : undefined;
    return typeof value === 'number' ? String(value) : this.string();
  }

  integer(min: number, max: number): number {
    const value = isScalar(this.#node) ? this.#node.value : undefined;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw this.error('invalid', `${this.name} must be a whole number from ${min} to ${max}`);
    }
    return value;
  }

  boolean(): boolean {
    const value = isScalar(this.#node) ? this.#node.value : undefined;
    if (typeof value !== 'boolean') {
      throw this.error('invalid', `${this.name} must be true or false`);
    }
    return value;
  }

  oneOf<const T extends string>(words: readonly T[]): T {
    const value = isScalar(this.#node) ? this.#node.value : undefined;
    const found = words.find((word) => word === value);
    if (found === undefined) {
      const meant = typeof value === 'string' ? nearest(value, words) : null;
      throw this.error(
        'invalid',
        `${this.name} must be one of ${words.join(', ')}`,
        meant === null ? '' : `did you mean ${meant}?`,
      );
    }
    return found;
  }

  list(): Located[] {
    if (!isSeq(this.#node)) throw this.error('invalid', `${this.name} must be a list`);
    return this.#node.items.map((item, i) =>
      this.#child(item as Node | null, `${this.#path()}[${i}]`),
    );
  }

  /**
   * The value as a mapping. `later` names keys that are part of the language but not built yet.
   * Throws ConfigError `unknown-key` or `unsupported`.
   */
  mapping(known: readonly string[], later: readonly string[] = []): Mapping {
    if (!isMap(this.#node)) {
      const empty = this.#node === null || (isScalar(this.#node) && this.#node.value === null);
      const hint = empty ? 'it is empty' : `its keys are ${known.join(', ')}`;
      throw this.error('invalid', `${this.name} must be a mapping`, hint);
    }
    const values = new Map<string, Located>();
    for (const pair of this.#node.items) {
      const key = pair.key as Node;
      const at = place(this.#source.file, this.#source.lines, key.range?.[0] ?? 0);
      const word = isScalar(key) ? String(key.value) : '';
      const name = this.#path() === '' ? word : `${this.#path()}.${word}`;
      if (later.includes(word))
        throw new ConfigError('unsupported', at, `${name} is not supported yet`);
      if (!known.includes(word)) {
        const meant = nearest(word, known);
        throw new ConfigError(
          'unknown-key',
          at,
          `unknown key ${name}`,
          meant === null ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`,
        );
      }
      values.set(word, this.#child(pair.value as Node | null, name, at));
    }
    return new Mapping(this, values);
  }

  #path(): string {
    return this.name === 'the node file' ? '' : this.name;
  }

  #child(node: Node | null, name: string, fallback = this.position): Located {
    const start = node?.range?.[0];
    const empty = node === null || (isScalar(node) && node.value === null);
    const at =
      start === undefined || empty ? fallback : place(this.#source.file, this.#source.lines, start);
    return new Located(this.#source, node, name, at);
  }
}

/** A mapping whose keys are all known. */
export class Mapping {
  readonly #self: Located;
  readonly #values: ReadonlyMap<string, Located>;

  constructor(self: Located, values: ReadonlyMap<string, Located>) {
    this.#self = self;
    this.#values = values;
  }

  get(key: string): Located | undefined {
    return this.#values.get(key);
  }

  /** Throws ConfigError `missing`, pointing at the mapping; `example` becomes the hint. */
  require(key: string, example: string): Located {
    const value = this.#values.get(key);
    if (value === undefined) {
      throw this.#self.error(
        'missing',
        `${this.#self.name} has no ${key}`,
        `for example ${example}`,
      );
    }
    return value;
  }
}

function place(file: string, lines: LineCounter, offset: number): ConfigPosition {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
}
