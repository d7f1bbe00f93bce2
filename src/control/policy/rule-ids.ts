/** The ids of all rules of a policy at once: of many thousands each is little work, but a call is not. */
import { hash } from 'node:crypto';
import { ID_LENGTH, optionsText, writeId } from './rule-id.js';
import type { RuleColumns } from './rule-table.js';
import { RULE_DIRECTIONS } from './rule-table.js';

/** sha256 of texts that stand one after the other: 32 bytes for each. `ends`: where each ends. */
export type HashEach = (bytes: Uint8Array, ends: Uint32Array) => Uint8Array;

const HASH_BYTES = 32;

/** One call for each; who has many brings something better. */
export function hashEach(bytes: Uint8Array, ends: Uint32Array): Uint8Array {
  const hashes = new Uint8Array(ends.length * HASH_BYTES);
  let from = 0;
  for (const [i, end] of ends.entries()) {
    hashes.set(hash('sha256', bytes.subarray(from, end), 'buffer'), i * HASH_BYTES);
    from = end;
  }
  return hashes;
}

/** Says what {@link hashedId} does of each rule. */
export class RuleIds {
  readonly #columns: Omit<RuleColumns, 'ids'>;
  readonly #hash: HashEach;

  constructor(columns: Omit<RuleColumns, 'ids'>, hash: HashEach) {
    this.#columns = columns;
    this.#hash = hash;
  }

  /** @param explicit the id that a rule was given; null: none */
  all(explicit: (rule: number) => string | null): string[] {
    const { length } = this.#columns.host;
    const { bytes, ends } = this.#contents();
    const hashes = this.#hash(bytes, ends);
    const letters = Buffer.alloc(length * ID_LENGTH);
    for (let i = 0; i < length; i++) writeId(hashes, i * HASH_BYTES, letters, i * ID_LENGTH);
    const text = letters.toString('latin1');
    const ids = new Array<string>(length);
    for (let i = 0; i < length; i++) {
      ids[i] = explicit(i) ?? text.slice(i * ID_LENGTH, (i + 1) * ID_LENGTH);
    }
    return ids;
  }

  /** The content keys of all rules, one after the other. */
  #contents(): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
    const { words, options, direction, host, service, peers, option } = this.#columns;
    const { length } = host;
    const line = (text: string) => Buffer.from(`${text}\n`);
    const directions = RULE_DIRECTIONS.map(line);
    const texts = words.map(line);
    const last = options.map((one) => Buffer.from(optionsText(one)));
    const ends = new Uint32Array(length);
    let size = 0;
    for (let i = 0; i < length; i++) {
      size += directions[direction[i]!]!.length + texts[host[i]!]!.length;
      size += texts[service[i]!]!.length + texts[peers[i]!]!.length + last[option[i]!]!.length;
      ends[i] = size;
    }
    const bytes = Buffer.allocUnsafe(size);
    let at = 0;
    const put = (from: Uint8Array): void => {
      // Short as they are, a call of set() would take longer.
      for (let i = 0; i < from.length; i++) bytes[at++] = from[i]!;
    };
    for (let i = 0; i < length; i++) {
      put(directions[direction[i]!]!);
      put(texts[host[i]!]!);
      put(texts[service[i]!]!);
      put(texts[peers[i]!]!);
      put(last[option[i]!]!);
    }
    return { bytes, ends };
  }
}
