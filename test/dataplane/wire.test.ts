/** Every fixture as real frames over veth, through a bridge, in each attach mode. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES } from './fixtures/index.js';
import type { Fixture } from './fixtures/types.js';
import { type FixtureRun, runFixture } from './harness/fixture-run.js';
import { nativeWire } from './harness/native.js';
import { layCables, type TestPort } from './harness/network.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';
import { buildBridge, unjudged, Wire, type WireMode } from './harness/wire.js';

/** On a machine that does much else, all fixtures take their time. */
const PATIENCE_MS = 300_000;

let ports: TestPort[];
/** By the size of the table of established states: most fixtures have the usual one. */
const walls = new Map<number | undefined, TestWall>();
/** What the wall held after the same fixture by test runs. */
const held = new Map<Fixture, readonly string[]>();

function wall(maxStates: number | undefined): TestWall {
  let found = walls.get(maxStates);
  if (found === undefined) {
    found = new TestWall(ports, maxStates === undefined ? {} : { maxStates });
    walls.set(maxStates, found);
  }
  return found;
}

function testRun(fixture: Fixture): FixtureRun {
  const sender = new TestRuns(wall(fixture.maxStates), 'xdp');
  const run = runFixture(sender, fixture);
  sender.close();
  return run;
}

beforeAll(() => {
  ports = layCables();
  buildBridge(ports);
  for (const fixture of FIXTURES) held.set(fixture, testRun(fixture).after);
}, PATIENCE_MS);

afterAll(() => {
  for (const one of walls.values()) one.close();
});

/** Fixtures that share a wall follow each other, so that programs are attached once. */
const bySize = [...FIXTURES].sort((a, b) => (a.maxStates ?? 0) - (b.maxStates ?? 0));

describe.each<WireMode>(['native', 'generic', 'tc'])('over veth, %s', (mode) => {
  let wire: Wire | undefined;

  function attached(fixture: Fixture): Wire {
    const wanted = wall(fixture.maxStates);
    if (wire?.wall !== wanted) {
      wire?.close();
      wire = new Wire(wanted, mode);
    }
    return wire;
  }

  afterAll(() => wire?.close());

  it.each(bySize.filter(({ beforeTc }) => mode !== 'tc' || beforeTc === undefined))(
    '$name',
    (fixture) => {
      const run = runFixture(attached(fixture), fixture);
      expect(run.problems).toEqual([]);
      expect(run.after).toEqual(held.get(fixture));
    },
  );

  it('let no frame reach netfilter without a verdict', () => {
    expect(unjudged()).toBe(0);
  });
});

describe('with every program taken off', () => {
  it('nothing crosses', () => {
    const wires = ports.map((port) => nativeWire().openWire(port.wire, true));
    const frames = FIXTURES.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === 'frame' ? [step] : [])),
    );
    for (const { port, frame } of frames) {
      const number = ports.findIndex(({ name }) => name === port);
      nativeWire().send(wires[number]!, frame, frame.length, 1);
    }
    expect(nativeWire().receive(wires, 100)).toBeUndefined();
    expect(unjudged()).toBeGreaterThan(frames.length - 20);
    for (const wire of wires) nativeWire().closeWire(wire);
  });
});
