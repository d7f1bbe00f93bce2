/** Established states on which the old programs of an upgrade had the last word. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as layouts from '../../src/generated/layouts.js';
import { handshake, known, mail, stranger } from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { liveRecords } from './harness/states.js';
import { TestRuns } from './harness/test-run.js';
import { index, TestWall } from './harness/wall.js';

const { Phase, StateBits } = layouts;
const SMTP = 25;

let wall: TestWall;
let runner: TestRuns;

beforeAll(() => {
  wall = new TestWall(layCables());
  runner = new TestRuns(wall, 'xdp');
});
afterAll(() => {
  runner.close();
  wall.close();
});

/** One connection, of the higher address; the clock has gone on since. */
beforeEach(() => {
  wall.reset({}, planOf(CAMPUS));
  const steps = [...known(stranger, mail), ...handshake(stranger, mail, 40000, SMTP)];
  expect(steps.flatMap((step) => runner.send(step))).toEqual([]);
});

function record(): layouts.StateRecord {
  const found = liveRecords(wall).filter(({ established }) => established === 1);
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** What the old programs made of the connection, so many jiffies after its last packet here. */
function settle(word: number, later: bigint): number {
  const { key, state } = record();
  const old = { ...state, word, seen: state.seen + later };
  wall.map('settling_keys').update(index(0), layouts.stateKey.encode(key));
  wall.map('settling_states').update(index(0), layouts.state.encode(old));
  const ctx = Buffer.alloc(8);
  ctx.writeBigUInt64LE(1n);
  wall.object.program('settle_states').testRun({ ctx });
  return record().state.word;
}

describe('a state that the old programs moved on', () => {
  const closing = () => (record().state.word & ~StateBits.PHASE) | Phase.FIN_WAIT;

  it('has their phase, and remembers who closed first', () => {
    const byHigher = closing() | StateBits.FIN_HIGH;
    expect(settle(byHigher, 1n)).toBe(byHigher);
  });

  it('does not take the higher address for who closed when it was the lower', () => {
    expect(settle(closing(), 1n)).toBe(closing());
  });

  it('stays as it is when a packet was seen here since', () => {
    const { word } = record().state;
    expect(settle(closing() | StateBits.FIN_HIGH, 0n)).toBe(word);
  });
});
