/**
 * Frames whose headers are not in linear memory: tc must pull them in before it reads them. Every
 * fixture is retold with its frames padded to more than a page, which packet sockets then send as
 * fragments; what must become of the longer frames, the reference model says.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { padded } from '../packet/index.js';
import { FRAGMENTS } from './fixtures/fragments.js';
import { STORIES } from './fixtures/index.js';
import { runFixture } from './harness/fixture-run.js';
import { retold } from './harness/model.js';
import { layCables } from './harness/network.js';
import { TestWall } from './harness/wall.js';
import { buildBridge, Wire } from './harness/wire.js';

const LENGTH = 4400;
const MTU = 9000;
const ALL = STORIES.filter(({ maxStates }) => maxStates === undefined);

/** Link header alone; with that of IPv4, of IPv6, and of a fragment in IPv6. */
const LINEAR = [14, 34, 54, 62];

let wall: TestWall;

beforeAll(() => {
  const ports = layCables(MTU);
  buildBridge(ports);
  wall = new TestWall(ports);
});

afterAll(() => wall.close());

describe.each(LINEAR)('%i bytes linear', (linear) => {
  let wire: Wire;

  beforeAll(() => {
    wire = new Wire(wall, 'tc', linear);
  });

  afterAll(() => wire.close());

  it.each(linear === LINEAR[0] ? ALL : FRAGMENTS)('$name', (fixture) => {
    const longer = retold(fixture, (frame) => padded(frame, LENGTH));
    expect(runFixture(wire, longer).problems).toEqual([]);
  });
});
