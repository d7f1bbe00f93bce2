/**
 * Walks over all members, by iterators in the kernel. What one shall do is in a map that all of them
 * share: it is written before each slice and read after it, so that any number of walks take turns.
 */
import type { BpfMap } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index, type ProgramName } from './object.js';

/** What a walk shall do: see struct member_walk. */
export interface Errand {
  readonly program: ProgramName;
  readonly kind?: layouts.SweepKind;
  readonly groups?: number;
  readonly mark?: number;
  /** Bytes of a slice. */
  readonly size: number;
}

/** What it has done. */
export interface Walked {
  readonly removed: number;
  readonly failed: number;
}

/**
 * Each slice of what the iterator writes.
 * @param turn waited for before each slice
 * @returns what was done in all of them
 */
export async function* walkMembers(
  dataplane: Pick<Dataplane, 'map' | 'program'>,
  table: BpfMap,
  { program, kind = layouts.SweepKind.EXPIRED, groups = 0, mark = 0, size }: Errand,
  turn: () => Promise<void>,
): AsyncGenerator<Buffer, Walked> {
  const shared = dataplane.map('member_walk');
  let walk: layouts.MemberWalk = {
    ...{ kind, groups: groups >>> 0, mark, failed: 0, removed: 0n, skipped: 0n },
  };
  const link = dataplane.program(program).attachIter(table);
  try {
    const run = link.iterate();
    try {
      for (;;) {
        await turn();
        shared.update(index(0), layouts.memberWalk.encode(walk));
        const slice = run.read(size);
        walk = layouts.memberWalk.decode(shared.lookup(index(0))!);
        if (slice.length === 0) return { removed: Number(walk.removed), failed: walk.failed };
        yield slice;
      }
    } finally {
      run.close();
    }
  } finally {
    link.close();
  }
}
