/**
 * Listings of live states. The kernel picks them and writes the rows (bpf/listing.h); they pass through
 * here by the batch. What a listing asks is written before each slice, for they share a map's element.
 */
import { dropBlank, newNumbers } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { turn } from '../slices.js';
import { type Dataplane, index } from './object.js';

const { FilterField, Pass } = layouts;
/** Bytes of a batch, but for the last. */
const BATCH = 131_072;
/** `established` first. */
const TABLES = ['established', 'pending'] as const;

/** What a listing needs of a dataplane. */
export type Listed = Pick<Dataplane, 'map' | 'program' | 'clock'>;

const ROW = layouts.stateRow.size;
/**
 * Bytes of a read: 340 rows, or the filling of 5,440 states. One less than fit into the kernel's 32 KiB:
 * it would look twice at a state whose row does not fit any more, and count it twice.
 */
const SLICE = 340 * ROW;
const PHASE = offsetOf({ phase: 0xff });
const RULE_OUT = offsetOf({ ruleOut: 0xffffffff });
const RULE_IN = offsetOf({ ruleIn: 0xffffffff });

/** Where a field of a row is, of which every bit is set. */
function offsetOf(field: Partial<layouts.StateRow>): number {
  const blank = layouts.stateRow.decode(Buffer.alloc(ROW));
  return layouts.stateRow.encode({ ...blank, ...field }).indexOf(0xff);
}

/** Rows that match, in batches; `most` of them at most. */
export async function* listStates(
  dataplane: Listed,
  filter: layouts.StateFilter,
  most: number,
): AsyncGenerator<Buffer> {
  if (most <= 0) return;
  let waiting: Buffer[] = [];
  let bytes = 0;
  let left = most;
  for await (const { slice } of listing(dataplane, filter)) {
    const rows = dropBlank(slice, ROW, { offset: PHASE, length: 1 });
    const some = rows.length > left * ROW ? rows.subarray(0, left * ROW) : rows;
    left -= some.length / ROW;
    if (some.length > 0) waiting.push(some);
    bytes += some.length;
    if (left === 0) break;
    if (bytes < BATCH) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

/** How many match. */
export async function countStates(dataplane: Listed, filter: layouts.StateFilter): Promise<number> {
  const fields = filter.fields | FilterField.NO_ROWS;
  let count = 0;
  for await (const { hit } of listing(dataplane, { ...filter, fields })) count += hit;
  return count;
}

/** Slots of rules in rows; those of which `seen` has the bit were told before. */
export function newRuleSlots(rows: Buffer, seen: Uint8Array): number[] {
  const slots = [RULE_OUT, RULE_IN].flatMap((offset) => newNumbers(rows, ROW, offset, seen));
  return slots.filter((slot) => slot !== 0);
}

/** Each slice, and how many matched in it. */
async function* listing(
  dataplane: Listed,
  filter: layouts.StateFilter,
): AsyncGenerator<{ slice: Buffer; hit: number }> {
  const passes = dataplane.map('state_passes');
  const own = index(Pass.LIST);
  const blank = layouts.statePass.decode(Buffer.alloc(layouts.statePass.size));
  const order = layouts.statePass.encode({ ...blank, filter });
  for (const table of TABLES) {
    using link = dataplane.program('list_states').attachIter(dataplane.map(table));
    using run = link.iterate();
    for (;;) {
      passes.update(own, order);
      const slice = run.read(SLICE);
      const hit = Number(layouts.statePass.decode(passes.lookup(own)!).hit);
      yield { slice, hit };
      if (slice.length === 0) break;
      await turn();
    }
  }
}
