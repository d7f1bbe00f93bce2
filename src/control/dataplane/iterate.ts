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
