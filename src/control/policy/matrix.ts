import type { MatrixEntry } from './plan.js';
import { PEER_ANY } from './plan.js';
import type { ServiceMatch } from './service-classes.js';

/** A line as the matrix sees it. */
export interface MatrixLine {
  /** Index into Plan.rules. */
  readonly rule: number;
  readonly log: boolean;
  readonly services: readonly ServiceMatch[];
  /** Peer classes, or null for every peer. */
  readonly peers: readonly number[] | null;
}

/** Service classes fit into this many numbers (MAX_SERVICE_CLASSES in bpf/layout.h). */
const SERVICE_SPACE = 8192;
/** Lines of one host and direction that a score can tell apart. */
const LINE_SPACE = 2 ** 24;

/**
 * The entries of one host and direction, so that the entry of a peer's own class, or else that of
 * PEER_ANY, is the winner: the line with the narrowest service, then the earliest. `lines` are in the
 * order of the file. An entry that PEER_ANY would answer alike is left out.
 */
export function* matrixEntries(
  direction: MatrixEntry['direction'],
  host: number,
  lines: readonly MatrixLine[],
): Generator<MatrixEntry> {
  // The lower score wins: width first, then the place among the lines.
  const forAny = new Map<number, number>();
  const forClass = new Map<number, number>();
  for (const [place, line] of lines.entries()) {
    for (const { serviceClass, width } of line.services) {
      const score = width * LINE_SPACE + place;
      if (line.peers === null) improve(forAny, serviceClass, score);
      else {
        for (const peer of line.peers)
          improve(forClass, peer * SERVICE_SPACE + serviceClass, score);
      }
    }
  }
  const entry = (peer: number, serviceClass: number, score: number): MatrixEntry => {
    const { rule, log } = lines[score % LINE_SPACE]!;
    return { direction, host, peer, serviceClass, rule, dynamic: 0, log };
  };
  for (const key of [...forClass.keys()].sort((a, b) => a - b)) {
    const serviceClass = key % SERVICE_SPACE;
    const score = forClass.get(key)!;
    if (score < (forAny.get(serviceClass) ?? Number.POSITIVE_INFINITY)) {
      yield entry(Math.floor(key / SERVICE_SPACE), serviceClass, score);
    }
  }
  for (const serviceClass of [...forAny.keys()].sort((a, b) => a - b)) {
    yield entry(PEER_ANY, serviceClass, forAny.get(serviceClass)!);
  }
}

function improve(scores: Map<number, number>, key: number, score: number): void {
  const before = scores.get(key);
  if (before === undefined || score < before) scores.set(key, score);
}
