/**
 * Frames that lie in several buffers. Test runs put as little as one likes into the first, so every
 * fixture goes through the program that takes such frames with its headers cut at many places; over veth
 * frames of a page and more do, whoever sends them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { padded } from '../packet/index.js';
import { FRAGMENTS } from './fixtures/fragments.js';
import { FIXTURES, STORIES } from './fixtures/index.js';
import type { Fixture } from './fixtures/types.js';
import { runFixture } from './harness/fixture-run.js';
import { retold } from './harness/model.js';
import { layCables } from './harness/network.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';
import { buildBridge, unjudged, Wire, type WireMode } from './harness/wire.js';

const MTU = 9000;
/** The link header included. */
const LENGTH = 9000;
const usual = ({ maxStates }: { maxStates?: number }) => maxStates === undefined;
const ALL = FIXTURES.filter(usual);
const LONG = STORIES.filter(usual);

/** Bytes in the first buffer: link header alone, in the midst of headers, and more than is ever read. */
const CUTS = [14, 18, 33, 40, 54, 60, 75, 200, 1088, 2048];

let wall: TestWall;

beforeAll(() => {
  const ports = layCables(MTU);
  buildBridge(ports);
  wall = new TestWall(ports);
});

afterAll(() => wall.close());

/** What goes to every port in several buffers XDP leaves to tc, whose test runs take no such frame. */
const staysInXdp = ({ steps }: Fixture) =>
  !steps.some((step) => step.kind === 'frame' && step.expect.action === 'every-port');

/** Every fixture has its turn of one place to cut, those of fragments of three. */
const cutsOf = (fixture: Fixture, number: number): number[] =>
  (FRAGMENTS.includes(fixture) ? [0, 3, 7] : [0]).map(
    (more) => CUTS[(number + more) % CUTS.length]!,
  );

describe.each([true, false])('by test runs, sent from XDP: %s', (sends) => {
  const runs = new Map<number, TestRuns>();
  let whole: TestRuns;

  beforeAll(() => {
    wall.sendsFrags = sends;
    whole = new TestRuns(wall, 'xdp');
    for (const linear of CUTS) runs.set(linear, new TestRuns(wall, 'xdp', { linear }));
  });

  afterAll(() => {
    whole.close();
    for (const run of runs.values()) run.close();
    wall.sendsFrags = true;
  });

  const some = sends ? ALL : FRAGMENTS;
  it.each(some.map((fixture, number) => ({ name: fixture.name, fixture, number })))(
    '$name',
    ({ fixture, number }) => {
      const { after } = runFixture(whole, fixture);
      for (const linear of cutsOf(fixture, number)) {
        const run = runFixture(runs.get(linear)!, fixture);
        expect(run, `${linear} linear`).toEqual({ problems: [], after });
      }
    },
  );

  it.each(sends ? LONG.filter(staysInXdp).filter((_, number) => number % 4 === 0) : FRAGMENTS)(
    'of 9000 bytes: $name',
    (fixture) => {
      const longer = retold(fixture, (frame) => padded(frame, LENGTH));
      const run = runs.get(CUTS[longer.steps.length % CUTS.length]!)!;
      expect(runFixture(run, longer).problems).toEqual([]);
    },
  );
});

/** tc has frames of a page and more in sparse.test.ts. */
describe.each<[WireMode, boolean, readonly Fixture[]]>([
  ['native', true, LONG],
  ['native', false, FRAGMENTS],
  ['generic', true, FRAGMENTS],
  ['tc', true, FRAGMENTS],
])('over veth, %s, sent from XDP: %s', (mode, sends, fixtures) => {
  let wire: Wire;

  beforeAll(() => {
    wall.sendsFrags = sends;
    wire = new Wire(wall, mode);
  });

  afterAll(() => {
    wire.close();
    wall.sendsFrags = true;
  });

  it.each(fixtures)('$name', (fixture) => {
    const longer = retold(fixture, (frame) => padded(frame, LENGTH));
    expect(runFixture(wire, longer).problems).toEqual([]);
  });

  it('let no frame reach netfilter without a verdict', () => {
    expect(unjudged()).toBe(0);
  });
});
