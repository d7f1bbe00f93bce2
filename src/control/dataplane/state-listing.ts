/**
 * Listings of live states. The kernel picks them and writes the rows (bpf/listing.h); they pass through
 * here by the batch. What a listing asks is written before each batch, for they share a map's element.
 */
import { newNumbers } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { turn } from '../slices.js';
import { type Dataplane, index } from './object.js';
import { gathered, openPass } from './visit.js';

const { FilterField, Pass } = layouts;
/** Bytes of what is handed on, but for the last. */
const PIECE = 131_072;
/** `established` first. */
const TABLES = ['established', 'pending'] as const;

/** What a listing needs of a dataplane. */
export type Listed = Pick<Dataplane, 'map' | 'program' | 'clock'>;

const ROW = layouts.stateRow.size;
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
  yield* gathered(rowsOf(dataplane, filter, most), PIECE);
}

async function* rowsOf(
  dataplane: Listed,
  filter: layouts.StateFilter,
  most: number,
): AsyncGenerator<Buffer> {
  if (most <= 0) return;
  let left = most;
  for await (const { rows } of listing(dataplane, filter)) {
    const some = rows.length > left * ROW ? rows.subarray(0, left * ROW) : rows;
    left -= some.length / ROW;
    yield some;
    if (left === 0) return;
  }
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

/** The rows of each batch, and how many matched in it. */
async function* listing(
  dataplane: Listed,
  filter: layouts.StateFilter,
): AsyncGenerator<{ rows: Buffer; hit: number }> {
  const passes = dataplane.map('state_passes');
  const own = index(Pass.LIST);
  const blank = layouts.statePass.decode(Buffer.alloc(layouts.statePass.size));
  const order = layouts.statePass.encode({ ...blank, filter });
  for (const table of TABLES) {
    using pass = openPass(dataplane, 'list_states', table);
    for (;;) {
      passes.update(own, order);
      const rows = pass.next();
      if (rows === null) break;
      const hit = Number(layouts.statePass.decode(passes.lookup(own)!).hit);
      yield { rows, hit };
      await turn();
    }
  }
}
