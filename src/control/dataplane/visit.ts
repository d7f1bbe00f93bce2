/** Passes of the kernel's visitors over maps (bpf/visit.h), by the batch: nobody is held up for long. */
import { type BpfMap, BpfPass, type SliceShape } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { turn } from '../slices.js';
import type { Dataplane, MapName, ProgramName } from './object.js';

const { VisitSizes, VisitTable } = layouts;
const SHAPE: SliceShape = {
  slices: VisitSizes.SLICES,
  elements: VisitSizes.MOST,
  valuesAt: VisitSizes.VALUES_AT,
  recordsAt: VisitSizes.RECORDS_AT,
  bytes: VisitSizes.SLICE,
};

/** What a pass needs of a dataplane. */
export type Visited = Pick<Dataplane, 'map' | 'program'>;

/** Begins a pass. @param map by its name, or a table that has none */
export function openPass(dataplane: Visited, program: ProgramName, map: MapName | BpfMap): BpfPass {
  return new BpfPass({
    program: dataplane.program(program),
    map: typeof map === 'string' ? dataplane.map(map) : map,
    slices: dataplane.map('slices'),
    shape: SHAPE,
    table: map === 'pending' ? VisitTable.PENDING : VisitTable.TABLE,
  });
}

/** The records of each batch, perhaps none. */
export async function* batches(
  dataplane: Visited,
  program: ProgramName,
  map: MapName | BpfMap,
): AsyncGenerator<Buffer> {
  using pass = openPass(dataplane, program, map);
  for (;;) {
    const records = pass.next();
    if (records === null) return;
    yield records;
    await turn();
  }
}

/** Visits all, for what that does. */
export async function visitAll(
  dataplane: Visited,
  program: ProgramName,
  map: MapName | BpfMap,
): Promise<void> {
  for await (const _ of batches(dataplane, program, map));
}

/**
 * Records in pieces of `bytes` or somewhat more, or of what came within `ms`; no empty one.
 * @param ms counted whenever the source says something, were it nothing
 */
export async function* gathered(
  source: AsyncIterable<Buffer>,
  bytes: number,
  ms = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let [length, since] = [0, 0];
  for await (const piece of source) {
    if (piece.length > 0) {
      if (length === 0) since = performance.now();
      waiting.push(piece);
      length += piece.length;
    }
    if (length === 0 || (length < bytes && performance.now() - since < ms)) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}

/** Batches of one turn of a thread: some 50 ms, after which it is asked whether to stop. */
const TURN = 64;

/**
 * Visits all on another thread: for programs that do their work as they visit, whatever else changes the
 * table meanwhile.
 * @param stop asked now and then
 * @returns nanoseconds of CPU that the longest batch took
 */
export async function visitAside(
  dataplane: Visited,
  program: ProgramName,
  map: MapName,
  stop: () => boolean = () => false,
): Promise<number> {
  using pass = openPass(dataplane, program, map);
  let longest = 0;
  while (!stop()) {
    const { ended, longestNs } = await pass.drain(TURN);
    longest = Math.max(longest, longestNs);
    if (ended) break;
  }
  return longest;
}
