/**
 * Frames whose headers are not in linear memory: tc must pull them in before it reads them. Every
 * fixture is retold with its frames padded to more than a page, which packet sockets then send as
 * fragments; what must become of the longer frames, the reference model says.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { padded } from '../packet/index.js';
import { FIXTURES } from './fixtures/index.js';
import { runFixture } from './harness/fixture-run.js';
import { retold } from './harness/model.js';
import { layCables } from './harness/network.js';
import { TestWall } from './harness/wall.js';
import { buildBridge, Wire } from './harness/wire.js';

const LENGTH = 4400;
const MTU = 9000;

let wall: TestWall;
let wire: Wire;

beforeAll(() => {
  const ports = layCables(MTU);
  buildBridge(ports);
  wall = new TestWall(ports);
  wire = new Wire(wall, 'tc', true);
});

afterAll(() => {
  wire.close();
  wall.close();
});

it.each(FIXTURES.filter(({ maxStates }) => maxStates === undefined))('$name', (fixture) => {
  expect(
    runFixture(
      wire,
      retold(fixture, (frame) => padded(frame, LENGTH)),
    ).problems,
  ).toEqual([]);
});
