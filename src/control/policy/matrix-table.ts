/**
 * The compiled matrix, as columns: a plan has an entry for every rule and more, and what becomes of them are
 * keys and values of a table in the kernel. A MatrixEntry is made when one is looked at.
 */

export interface MatrixEntry {
  readonly direction: 'in' | 'out' | 'transit';
  /** Host id (index + 1); for transit the source's peer class. */
  readonly host: number;
  /** Peer class or PEER_ANY. */
  readonly peer: number;
  readonly serviceClass: number;
  /** Index into Plan.rules; null: only the alternatives allow anything. */
  readonly rule: number | null;
  readonly log: boolean;
  /** Asked first, in this order; the first that holds speaks. */
  readonly alternatives: readonly Alternative[];
}

/** A rule for those who are in dynamic groups at the moment; bits are indices into Plan.dynamicGroups. */
export interface Alternative {
  /** The source is in one of these; 0: it need not be. */
  readonly from: number;
  readonly to: number;
  /** Index into Plan.rules. */
  readonly rule: number;
  readonly log: boolean;
}

type Direction = MatrixEntry['direction'];

export const MATRIX_DIRECTIONS: readonly Direction[] = ['in', 'out', 'transit'];
/** In the column of rules: only the alternatives allow anything. */
export const NO_RULE = 0xffffffff;

/** Plain data: it survives structured cloning, and lies on disk. */
export interface MatrixColumns {
  /** Index into MATRIX_DIRECTIONS. */
  readonly direction: Uint8Array;
  readonly host: Uint32Array;
  readonly peer: Uint32Array;
  readonly serviceClass: Uint32Array;
  /** Or NO_RULE. */
  readonly rule: Uint32Array;
  readonly log: Uint8Array;
  /** Index into `lists`, the first of which is empty. */
  readonly alternatives: Uint32Array;
  readonly lists: readonly (readonly Alternative[])[];
}

export class MatrixTable implements Iterable<MatrixEntry> {
  readonly columns: MatrixColumns;

  constructor(columns: MatrixColumns) {
    this.columns = columns;
  }

  static of(entries: readonly MatrixEntry[]): MatrixTable {
    const builder = new MatrixTableBuilder();
    for (const { direction, host, peer, serviceClass, rule, log, alternatives } of entries) {
      const number = MATRIX_DIRECTIONS.indexOf(direction);
      builder.add(number, host, peer, serviceClass, rule ?? NO_RULE, log, alternatives);
    }
    return builder.table();
  }

  get length(): number {
    return this.columns.host.length;
  }

  /** @param i of an entry that is there */
  at(i: number): MatrixEntry {
    const { direction, host, peer, serviceClass, rule, log, alternatives, lists } = this.columns;
    return {
      direction: MATRIX_DIRECTIONS[direction[i]!]!,
      host: host[i]!,
      peer: peer[i]!,
      serviceClass: serviceClass[i]!,
      rule: rule[i] === NO_RULE ? null : rule[i]!,
      log: log[i] !== 0,
      alternatives: lists[alternatives[i]!]!,
    };
  }

  *[Symbol.iterator](): Generator<MatrixEntry, void> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

export class MatrixTableBuilder {
  readonly #direction: number[] = [];
  readonly #host: number[] = [];
  readonly #peer: number[] = [];
  readonly #serviceClass: number[] = [];
  readonly #rule: number[] = [];
  readonly #log: number[] = [];
  readonly #alternatives: number[] = [];
  readonly #lists: (readonly Alternative[])[] = [[]];

  get length(): number {
    return this.#host.length;
  }

  add(
    direction: number,
    host: number,
    peer: number,
    serviceClass: number,
    rule: number,
    log: boolean,
    alternatives: readonly Alternative[],
  ): void {
    this.#direction.push(direction);
    this.#host.push(host);
    this.#peer.push(peer);
    this.#serviceClass.push(serviceClass);
    this.#rule.push(rule);
    this.#log.push(log ? 1 : 0);
    this.#alternatives.push(alternatives.length === 0 ? 0 : this.#lists.push(alternatives) - 1);
  }

  /** The rule that speaks for an entry, or would first be asked for. */
  ruleOf(i: number): number {
    const rule = this.#rule[i]!;
    return rule === NO_RULE ? this.#lists[this.#alternatives[i]!]![0]!.rule : rule;
  }

  table(): MatrixTable {
    return new MatrixTable({
      direction: Uint8Array.from(this.#direction),
      host: Uint32Array.from(this.#host),
      peer: Uint32Array.from(this.#peer),
      serviceClass: Uint32Array.from(this.#serviceClass),
      rule: Uint32Array.from(this.#rule),
      log: Uint8Array.from(this.#log),
      alternatives: Uint32Array.from(this.#alternatives),
      lists: this.#lists,
    });
  }
}
