/**
 * The rules of a plan, in the order of the file. There are many, and few are ever looked at: they are kept as
 * columns, and a Rule is made of them when one is asked for.
 */
import type { Position, Rule, RuleDirection, RuleOptions } from './rule.js';

export const RULE_DIRECTIONS: readonly RuleDirection[] = ['in', 'out', 'transit', 'deny'];

/** Plain data: it survives structured cloning, and lies on disk. */
export interface RuleColumns {
  readonly ids: readonly string[];
  /** Of the positions of all rules. */
  readonly file: string;
  /** Texts that hosts, services and peers are numbers of. */
  readonly words: readonly string[];
  readonly options: readonly RuleOptions[];
  /** Index into RULE_DIRECTIONS. */
  readonly direction: Uint8Array;
  readonly host: Uint32Array;
  readonly service: Uint32Array;
  readonly peers: Uint32Array;
  readonly option: Uint32Array;
  readonly line: Uint32Array;
  readonly column: Uint32Array;
}

export class RuleTable implements Iterable<Rule> {
  readonly columns: RuleColumns;

  constructor(columns: RuleColumns) {
    this.columns = columns;
  }

  static of(rules: readonly Rule[]): RuleTable {
    const builder = new RuleTableBuilder(rules[0]?.position.file ?? '', rules.length);
    for (const rule of rules) {
      const { host, service, peers, position } = rule;
      const texts = [host, service, peers].map((text) => builder.word(text));
      const direction = RULE_DIRECTIONS.indexOf(rule.direction);
      builder.add(direction, texts[0]!, texts[1]!, texts[2]!, builder.option(rule), position);
    }
    return builder.table(rules.map(({ id }) => id));
  }

  get length(): number {
    return this.columns.ids.length;
  }

  get ids(): readonly string[] {
    return this.columns.ids;
  }

  /** @param i of a rule that is there */
  at(i: number): Rule {
    const { ids, words, host, service, peers, direction } = this.columns;
    const { log, session, rate, detour } = this.options(i);
    return {
      id: ids[i]!,
      host: words[host[i]!]!,
      direction: RULE_DIRECTIONS[direction[i]!]!,
      service: words[service[i]!]!,
      peers: words[peers[i]!]!,
      log,
      session,
      rate,
      detour,
      position: this.position(i),
    };
  }

  options(i: number): RuleOptions {
    const { options, option } = this.columns;
    return options[option[i]!]!;
  }

  host(i: number): string {
    const { words, host } = this.columns;
    return words[host[i]!]!;
  }

  direction(i: number): RuleDirection {
    return RULE_DIRECTIONS[this.columns.direction[i]!]!;
  }

  position(i: number): Position {
    const { file, line, column } = this.columns;
    return { file, line: line[i]!, column: column[i]! };
  }

  /** Is what makes the one the rule that it is the same of the other? */
  sameContent(i: number, other: RuleTable, j: number): boolean {
    const [a, b] = [this.columns, other.columns];
    return (
      a.direction[i] === b.direction[j] &&
      a.words[a.host[i]!] === b.words[b.host[j]!] &&
      a.words[a.service[i]!] === b.words[b.service[j]!] &&
      a.words[a.peers[i]!] === b.words[b.peers[j]!] &&
      sameOptions(this.options(i), other.options(j))
    );
  }

  /** Some of them, in this order. */
  pick(rules: readonly number[]): RuleTable {
    const { ids, direction, host, service, peers, option, line, column } = this.columns;
    const of = (from: Uint32Array) => Uint32Array.from(rules, (i) => from[i]!);
    return new RuleTable({
      ...this.columns,
      ids: rules.map((i) => ids[i]!),
      direction: Uint8Array.from(rules, (i) => direction[i]!),
      host: of(host),
      service: of(service),
      peers: of(peers),
      option: of(option),
      line: of(line),
      column: of(column),
    });
  }

  *[Symbol.iterator](): Generator<Rule, void> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

export class RuleTableBuilder {
  readonly #file: string;
  readonly #words: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #options: RuleOptions[] = [];
  readonly #direction: Uint8Array;
  readonly #columns: Readonly<Record<NumberColumn, Uint32Array>>;
  #length = 0;

  /** @param count how many there will be */
  constructor(file: string, count: number) {
    this.#file = file;
    this.#direction = new Uint8Array(count);
    const column = () => new Uint32Array(count);
    const places = { line: column(), column: column() };
    const texts = { host: column(), service: column(), peers: column() };
    this.#columns = { ...texts, option: column(), ...places };
  }

  /** Number of a text, which is kept once. */
  word(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#words.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  /** Number of options; policies have few of them. */
  option(options: RuleOptions): number {
    const known = this.#options;
    for (let i = 0; i < known.length; i++) if (sameOptions(known[i]!, options)) return i;
    const { log, session, rate, detour } = options;
    return known.push({ log, session, rate, detour }) - 1;
  }

  /** @param direction index into RULE_DIRECTIONS */
  add(
    direction: number,
    host: number,
    service: number,
    peers: number,
    option: number,
    { line, column }: Position,
  ): void {
    const at = this.#length++;
    const columns = this.#columns;
    this.#direction[at] = direction;
    columns.host[at] = host;
    columns.service[at] = service;
    columns.peers[at] = peers;
    columns.option[at] = option;
    columns.line[at] = line;
    columns.column[at] = column;
  }

  /** @param ids of all that were added */
  table(ids: readonly string[]): RuleTable {
    return new RuleTable({
      ids,
      file: this.#file,
      words: this.#words,
      options: this.#options,
      direction: this.#direction,
      ...this.#columns,
    });
  }
}

type NumberColumn = 'host' | 'service' | 'peers' | 'option' | 'line' | 'column';

function sameOptions(a: RuleOptions, b: RuleOptions): boolean {
  return (
    a === b ||
    (a.log === b.log && a.session === b.session && a.rate === b.rate && a.detour === b.detour)
  );
}
