/**
 * Walks over all members, by visitors in the kernel. What one shall do is in a map that all of them
 * share: it is written before each batch and read after it, so that any number of walks take turns.
 */
import type { BpfMap } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { index, type ProgramName } from './object.js';
import { openPass, type Visited } from './visit.js';

/** What a walk shall do: see struct member_walk. */
export interface Errand {
  readonly program: ProgramName;
  readonly kind?: layouts.SweepKind;
  readonly groups?: number;
  readonly mark?: number;
}

/** What it has done. */
export interface Walked {
  readonly removed: number;
  readonly failed: number;
}

/**
 * The records of each batch, perhaps none.
 * @param turn waited for before each batch
 * @returns what was done in all of them
 */
export async function* walkMembers(
  dataplane: Visited,
  table: BpfMap,
  { program, kind = layouts.SweepKind.EXPIRED, groups = 0, mark = 0 }: Errand,
  turn: () => Promise<void>,
): AsyncGenerator<Buffer, Walked> {
  const shared = dataplane.map('member_walk');
  let walk: layouts.MemberWalk = {
    ...{ kind, groups: groups >>> 0, mark, failed: 0, removed: 0n },
  };
  using pass = openPass(dataplane, program, table);
  for (;;) {
    await turn();
    shared.update(index(0), layouts.memberWalk.encode(walk));
    const records = pass.next();
    walk = layouts.memberWalk.decode(shared.lookup(index(0))!);
    if (records === null) return { removed: Number(walk.removed), failed: walk.failed };
    yield records;
  }
}
