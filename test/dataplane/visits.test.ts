/** What becomes of an element between its copy and its visit. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import * as layouts from '../../src/generated/layouts.js';
import { wideBytes } from '../packet/index.js';
import { layCables } from './harness/network.js';
import { index, TestWall } from './harness/wall.js';

const { FilterField, Pass, Phase, VisitSizes, VisitTable } = layouts;
const KEY = layouts.stateKey.encode({
  low: { byte: wideBytes('192.0.2.25') },
  high: { byte: wideBytes('203.0.113.7') },
  lowPort: 123,
  highPort: 123,
  tag: [0, 0],
  proto: 17,
  family: 4,
  pad: new Uint8Array(2),
});
/** Long over, in seconds; and just now. */
const [LONG_AGO, NOW] = [1000, 5000];

let wall: TestWall;

beforeAll(() => {
  wall = new TestWall(layCables());
});
beforeEach(() => {
  wall.reset();
  wall.setClock(NOW);
});
afterAll(() => wall.close());

function state(phase: layouts.Phase, seconds: number, born = 0): Buffer {
  const blank = layouts.state.decode(Buffer.alloc(layouts.state.size));
  return layouts.state.encode({
    ...blank,
    ...{ word: phase, seen: wall.jiffies(seconds), born: wall.jiffies(born) },
  });
}

/** Visits a copy. */
function visit(program: string, copy: Buffer, table: layouts.VisitTable): void {
  const slices = wall.map('slices').mmap();
  slices.set(KEY, 0);
  slices.set(copy, VisitSizes.VALUES_AT);
  const ctx = layouts.visitCall.encode({ slice: 0, count: 1, table, written: 0 });
  expect(wall.program(program).testRun({ ctx }).retval).toBe(0);
}

it('a half-open state that a packet puts there anew is not swept for what it was', () => {
  const before = state(Phase.ONE_WAY, LONG_AGO);
  wall.map('pending').update(KEY, state(Phase.ONE_WAY, NOW));
  visit('sweep_states', before, VisitTable.PENDING);
  expect(wall.map('pending').lookup(KEY)).toBeDefined();
  wall.map('pending').update(KEY, before);
  visit('sweep_states', before, VisitTable.PENDING);
  expect(wall.map('pending').lookup(KEY)).toBeUndefined();
});

it('a connection that speaks again is not swept', () => {
  wall.map('established').update(KEY, state(Phase.BOTH_WAYS, NOW));
  visit('sweep_states', state(Phase.BOTH_WAYS, LONG_AGO), VisitTable.TABLE);
  expect(phase()).toBe(Phase.BOTH_WAYS);
});

it('one that a filter no longer matches is not killed', () => {
  const pass = layouts.statePass.decode(Buffer.alloc(layouts.statePass.size));
  const filter = { ...pass.filter, fields: FilterField.IDLE, idle: BigInt(10 * wall.hz) };
  const order = layouts.statePass.encode({ ...pass, filter });
  const idle = state(Phase.BOTH_WAYS, NOW - 20);
  wall.map('state_passes').update(index(Pass.KILL), order);
  wall.map('established').update(KEY, state(Phase.BOTH_WAYS, NOW));
  visit('kill_states', idle, VisitTable.TABLE);
  expect(phase()).toBe(Phase.BOTH_WAYS);
  wall.map('established').update(KEY, idle);
  visit('kill_states', idle, VisitTable.TABLE);
  expect(phase()).toBe(Phase.DYING);
});

function phase(): number {
  const { word } = layouts.state.decode(wall.map('established').lookup(KEY)!);
  return word & layouts.StateBits.PHASE;
}
