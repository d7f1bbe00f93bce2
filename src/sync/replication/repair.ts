/**
 * Comparing the tables of both nodes, and mending the difference. What ends between the two looks makes a
 * difference that is none: buckets of which something ended meanwhile are left for another time.
 */
import { difference } from './difference.js';
import type { Choice, ConnectionTable, Taken } from './table.js';

interface Records {
  readonly epoch: number;
  readonly states: Uint8Array;
  readonly children?: Uint8Array;
}

/** The other node's side of it. */
export interface Told {
  /** @param young those that began within the last second, too */
  digests(
    young: boolean,
  ): Promise<{ until: bigint; bytes: Uint8Array; count: number; epoch: number }>;
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

/** Rounds: what differs is told again, twice, for some of it was too young; dropped and told again; looked at. */
const MOST_ROUNDS = 4;
const DROPPING = 2;
/** What ended while tables were read has been told by then. */
const SETTLE_MS = 100;

interface Difference extends Comparison {
  readonly choice: Choice;
}

/** @param all nothing was told before: every bucket counts, and whoever is young */
async function look(table: ConnectionTable, other: Told, all: boolean): Promise<Difference> {
  table.forgetTouched();
  const theirs = await other.digests(all);
  const own = await table.digests(theirs.until);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const { buckets, count } = difference(theirs.bytes, own.bytes, all ? undefined : table.touched());
  return { differing: count, count: theirs.count, choice: { until: theirs.until, buckets } };
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
  let [bytes, added, dropped] = [0, 0, 0];
  for (let round = 0; ; round++) {
    const { differing, count, choice } = await look(table, other, joining && round === 0);
    if (differing === 0 || round === MOST_ROUNDS - 1) {
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
    if (round < DROPPING) {
      for await (const records of other.buckets(choice)) take(records);
      continue;
    }
    // What was told and still differs is something that only this node holds. Nothing is dropped before all
    // that takes its place is here: the other node may be gone the next moment.
    const all: Records[] = [];
    for await (const records of other.buckets(choice)) all.push(records);
    dropped += await table.drop(choice);
    for (const records of all) take(records);
  }
}
