import {
  type Alternative,
  MATRIX_DIRECTIONS,
  type MatrixEntry,
  type MatrixTableBuilder,
  NO_RULE,
} from './matrix-table.js';
import { PEER_ANY } from './plan.js';
import type { ServiceMatch } from './service-classes.js';

/** A line as the matrix sees it, from one host (for transit, one source class) and direction. */
export interface MatrixLine {
  /** Index into Plan.rules. */
  readonly rule: number;
  readonly log: boolean;
  readonly services: readonly ServiceMatch[];
  /** Peer classes that it holds whoever is a member of what, or null for every peer. */
  readonly peers: readonly number[] | null;
  /** Dynamic groups (bit: index into Plan.dynamicGroups) whose members are peers as well. */
  readonly peerGroups: number;
  /** Dynamic groups of which the host's own address must be in one; 0: it need not. */
  readonly ownGroups: number;
}

/** Raised when one entry would have to ask for too much; `rule` is that of the line that went over. */
export class TooManyAlternatives extends Error {
  constructor(readonly rule: number) {
    super('too many alternatives');
  }
}

/** Alternatives that one entry may have (MAX_ALTERNATIVES in bpf/layout.h). */
export const MAX_ALTERNATIVES = 32;

/** Service classes fit into this many numbers (MAX_SERVICE_CLASSES in bpf/layout.h). */
const SERVICE_SPACE = 8192;
/** Lines of one host and direction that a score can tell apart. */
const LINE_SPACE = 2 ** 24;
const NOBODY = Number.POSITIVE_INFINITY;
const NONE: readonly Alternative[] = [];

/** A line that holds a peer only while somebody is a member of something. */
interface Asking {
  /** The lower score wins: width first, then the place among the lines. */
  readonly score: number;
  readonly line: MatrixLine;
  /** The classes of `line.peers`. */
  readonly classes: ReadonlySet<number> | null;
}

/**
 * Adds the entries of one host and direction, so that the entry of a peer's own class, or else that of
 * PEER_ANY, has the winner: the line with the narrowest service, then the earliest. Lines that depend on
 * members are alternatives, where no other line beats them for certain. `lines` are in the order of the
 * file. An entry that PEER_ANY would answer alike is left out.
 *
 * @param most entries of all hosts; one more than that is enough to tell that they are too many
 * @throws TooManyAlternatives
 */
export function addMatrixEntries(
  matrix: MatrixTableBuilder,
  direction: MatrixEntry['direction'],
  host: number,
  lines: readonly MatrixLine[],
  most: number,
): void {
  if (lines.length === 0) return;
  const number = MATRIX_DIRECTIONS.indexOf(direction);
  const { forAny, forClass, asking } = scores(lines);
  const add = (
    peer: number,
    serviceClass: number,
    score: number,
    alternatives: readonly Alternative[],
  ): void => {
    if (score === NOBODY) {
      matrix.add(number, host, peer, serviceClass, NO_RULE, false, alternatives);
      return;
    }
    const { rule, log } = lines[score % LINE_SPACE]!;
    matrix.add(number, host, peer, serviceClass, rule, log, alternatives);
  };
  const alternatives = (serviceClass: number, peer: number | null, score: number) => {
    const asked = asking.get(serviceClass);
    return asked === undefined ? NONE : alternativesFor(direction, asked, peer, score);
  };

  for (const key of ascending(forClass.keys())) {
    if (matrix.length > most) return;
    const serviceClass = key % SERVICE_SPACE;
    const peer = Math.floor(key / SERVICE_SPACE);
    const any = forAny.get(serviceClass) ?? NOBODY;
    const score = Math.min(any, forClass.get(key)!);
    const own = alternatives(serviceClass, peer, score);
    if (score === any && same(own, alternatives(serviceClass, null, any))) continue;
    add(peer, serviceClass, score, own);
  }
  if (forAny.size === 0 && asking.size === 0) return;
  for (const serviceClass of ascending(new Set([...forAny.keys(), ...asking.keys()]))) {
    const score = forAny.get(serviceClass) ?? NOBODY;
    const all = alternatives(serviceClass, null, score);
    if (score !== NOBODY || all.length > 0) add(PEER_ANY, serviceClass, score, all);
  }
}

function ascending(numbers: Iterable<number>): Float64Array {
  // Native, which an array with a function to compare by is not.
  return new Float64Array([...numbers]).sort();
}

/** By service class, and class of peers: the best line that holds for certain; and the others. */
function scores(lines: readonly MatrixLine[]) {
  const forAny = new Map<number, number>();
  const forClass = new Map<number, number>();
  const asking = new Map<number, Asking[]>();
  for (let place = 0; place < lines.length; place++) {
    const line = lines[place]!;
    const { peers, peerGroups, ownGroups } = line;
    const depends = ownGroups !== 0 || peerGroups !== 0;
    const classes = depends && peers !== null ? new Set(peers) : null;
    for (const { serviceClass, width } of line.services) {
      const score = width * LINE_SPACE + place;
      if (depends) listOf(asking, serviceClass).push({ score, line, classes });
      // A line that asks for its own side allows nothing for certain, but tells its classes apart.
      const certain = ownGroups === 0 ? score : NOBODY;
      if (peers === null) improve(forAny, serviceClass, certain);
      else
        for (const peer of peers) improve(forClass, peer * SERVICE_SPACE + serviceClass, certain);
    }
  }
  for (const list of asking.values()) list.sort((a, b) => a.score - b.score);
  return { forAny, forClass, asking };
}

function listOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}

function improve(scores: Map<number, number>, key: number, score: number): void {
  const before = scores.get(key);
  if (before === undefined || score < before) scores.set(key, score);
}

/**
 * What is to be asked before the line with this score speaks, for peers of a class; null: of a class
 * that no line names.
 */
function alternativesFor(
  direction: MatrixEntry['direction'],
  asking: readonly Asking[],
  peer: number | null,
  below: number,
): readonly Alternative[] {
  const found: Alternative[] = [];
  const covered = new Coverage();
  for (const { score, line, classes } of asking) {
    if (score >= below) break;
    const certain = line.peers === null || (peer !== null && classes!.has(peer));
    const peerGroups = certain ? 0 : line.peerGroups;
    if ((!certain && peerGroups === 0) || !covered.add(line.ownGroups, peerGroups)) continue;
    if (found.length === MAX_ALTERNATIVES) throw new TooManyAlternatives(line.rule);
    const [from, to] =
      direction === 'in' ? [peerGroups, line.ownGroups] : [line.ownGroups, peerGroups];
    found.push({ from, to, rule: line.rule, log: line.log });
  }
  return found;
}

/** Whom the alternatives so far hold: a further one that holds nobody else is never heard. */
class Coverage {
  readonly #pairs: [own: number, peer: number][] = [];
  /** Groups whose members are held whatever the other end is in. */
  #own = 0;
  #peer = 0;

  /** False: all that these groups ask for was there. */
  add(own: number, peer: number): boolean {
    if (own !== 0 && (own & ~this.#own) === 0) return false;
    if (peer !== 0 && (peer & ~this.#peer) === 0) return false;
    if (this.#pairs.some(([a, b]) => within(own, a) && within(peer, b))) return false;
    this.#pairs.push([own, peer]);
    if (peer === 0) this.#own |= own;
    if (own === 0) this.#peer |= peer;
    return true;
  }
}

/** Is everybody whom `groups` asks for one whom `others` does? 0 asks for nobody. */
function within(groups: number, others: number): boolean {
  return others === 0 || (groups !== 0 && (groups & ~others) === 0);
}

function same(a: readonly Alternative[], b: readonly Alternative[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, i) => {
      const other = b[i]!;
      return one.from === other.from && one.to === other.to && one.rule === other.rule;
    })
  );
}
