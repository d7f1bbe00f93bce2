/** Runs of map iterators in slices, so that neither this process nor the kernel is held up. */
import type { BpfMap, BpfProgram } from '../../../native/lib/index.js';
import { turn } from '../slices.js';

const SLICE = 4096;

/** Each slice of what the iterator `program` writes while it walks `map`. */
export async function* slices(
  program: BpfProgram,
  map: BpfMap,
  size: number = SLICE,
): AsyncGenerator<Buffer> {
  const link = program.attachIter(map);
  try {
    const run = link.iterate();
    try {
      for (;;) {
        const slice = run.read(size);
        if (slice.length === 0) return;
        yield slice;
        await turn();
      }
    } finally {
      run.close();
    }
  } finally {
    link.close();
  }
}

/** Reads of one turn of a thread: some 50 ms, after which it is asked whether to stop. */
const READS = 64;

/**
 * Lets the iterator `program` visit all of `map` on another thread: for programs that do their work as they
 * visit, and that no code here runs beside.
 * @param size bytes of a slice, which is what the kernel does in one go
 * @param stop asked now and then
 * @returns nanoseconds of CPU that the longest slice took
 */
export async function visit(
  program: BpfProgram,
  map: BpfMap,
  size: number,
  stop: () => boolean = () => false,
): Promise<number> {
  using link = program.attachIter(map);
  using run = link.iterate();
  let longest = 0;
  while (!stop()) {
    const { ended, longestNs } = await run.drain(size, READS);
    longest = Math.max(longest, longestNs);
    if (ended) break;
  }
  return longest;
}

/** Whole records of `size` bytes out of slices that may cut them anywhere. */
export async function* records(
  source: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const slice of source) {
    const all = rest.length === 0 ? slice : Buffer.concat([rest, slice]);
    const whole = all.length - (all.length % size);
    rest = Buffer.from(all.subarray(whole));
    if (whole > 0) yield all.subarray(0, whole);
  }
}
