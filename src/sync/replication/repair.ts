/**
 * Comparing the tables of both nodes, and mending the difference. What begins or ends between the two looks
 * makes a difference that is none: buckets in which something did meanwhile are left for another time, or told
 * with the rest. All that the other node saw before its look is in this table before that is looked at.
 */
import { difference } from './difference.js';
import type { Choice, ConnectionTable, Taken } from './table.js';

interface Records {
  readonly epoch: number;
  readonly states: Uint8Array;
  readonly children?: Uint8Array;
}

/** What the other node holds. */
export interface Look {
  /** Only connections born no later count. */
  readonly until: bigint;
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly epoch: number;
  /** By the other node's clock; 0: it does not say. */
  readonly toldMs: number;
}

/** The other node's side of it. */
export interface Told {
  /** @param young those that began within the last second, too */
  digests(young: boolean): Promise<Look>;
  /** Resolves once this table knows all that the other one knew at that look. */
  taken(look: Look): Promise<void>;
  /** Messages with records of kind `children`, then of kind `states`. */
  buckets(choice: Choice): AsyncIterable<Records>;
}

/** What came of a comparison. */
export interface Comparison {
  /** Buckets that differ. */
  readonly differing: number;
  /** Connections that the other node holds. */
  readonly count: number;
}

/** What came of mending. */
export interface Repair extends Comparison {
  readonly rounds: number;
  /** Bytes of records that were sent again. */
  readonly bytes: number;
  readonly added: number;
  /** Connections that were here and not there. */
  readonly dropped: number;
  readonly ms: number;
}

/**
 * What differs is told again, for some of it was too young, or was told too late, for as long as half of it is
 * mended by that, and twice in any case; then it is dropped and told again, once.
 */
const MOST_ROUNDS = 8;
const TELLING = 2;
/** To tell of so many buckets costs little more than to tell of one: a pass over the table. */
const FEW = 256;

interface Difference extends Comparison {
  /** Buckets that are to be told again. */
  readonly told: Choice;
  /** Those of them that differ for certain. */
  readonly certain: Choice;
}

/** @param all nothing was told before: every bucket counts, and whoever is young */
async function look(table: ConnectionTable, other: Told, all: boolean): Promise<Difference> {
  table.forgetTouched();
  const theirs = await other.digests(all);
  await other.taken(theirs);
  const { until } = theirs;
  const own = await table.digests(until);
  const touched = all ? undefined : table.touched(until);
  const certain = difference(theirs.bytes, own.bytes, touched);
  const apart = touched === undefined ? certain : difference(theirs.bytes, own.bytes);
  // Where much begins and ends, most buckets are left for another time in each look: what is missing there would
  // be found a few buckets at a time.
  const { buckets } = apart.count <= FEW ? apart : certain;
  return {
    ...{ differing: certain.count, count: theirs.count },
    ...{ told: { until, buckets }, certain: { until, buckets: certain.buckets } },
  };
}

/**
 * Compares, and has what differs told again until it does not.
 * @param joining nothing is known here yet: all buckets count in the first round
 */
export async function repair(
  table: ConnectionTable,
  other: Told,
  joining: boolean,
  onTaken: (taken: Taken) => void = () => {},
): Promise<Repair> {
  const began = performance.now();
  let [bytes, added, dropped, before] = [0, 0, 0, Number.POSITIVE_INFINITY];
  let emptied = false;
  for (let round = 0; ; round++) {
    const { differing, count, told, certain } = await look(table, other, joining && round === 0);
    const tells = round < TELLING || differing * 2 <= before;
    if (differing === 0 || round === MOST_ROUNDS - 1 || (emptied && !tells)) {
      const ms = performance.now() - began;
      return { differing, count, rounds: round, bytes, added, dropped, ms };
    }
    const take = ({ epoch, states, children }: Records) => {
      if (children !== undefined && children.length > 0) table.take('children', epoch, children);
      const taken = table.take('states', epoch, states);
      onTaken(taken);
      bytes += states.length;
      added += taken.added;
    };
    before = differing;
    if (tells) {
      for await (const records of other.buckets(told)) take(records);
      continue;
    }
    // What was told and still differs is something that only this node holds. Nothing is dropped before all
    // that takes its place is here: the other node may be gone the next moment.
    emptied = true;
    const all: Records[] = [];
    for await (const records of other.buckets(certain)) all.push(records);
    dropped += await table.drop(certain);
    for (const records of all) take(records);
  }
}
