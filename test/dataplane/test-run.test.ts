/** Every fixture through the programs themselves, by test runs in XDP and in tc. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES, TOPICS } from './fixtures/index.js';
import type { Fixture } from './fixtures/types.js';
import { type FixtureRun, runFixture } from './harness/fixture-run.js';
import type { Hook } from './harness/hooks.js';
import { layCables, type TestPort } from './harness/network.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

/** Reasons whose frames no driver, socket or test run of this kernel can make. */
const UNREACHABLE: Record<string, string> = {
  'malformed-eth': 'every way into a hook refuses frames shorter than an Ethernet header',
};

let ports: TestPort[];
let wall: TestWall;
const runners = new Map<string, TestRuns>();
const walls: TestWall[] = [];

beforeAll(() => {
  ports = layCables();
  wall = new TestWall(ports);
  walls.push(wall);
});

afterAll(() => {
  for (const runner of runners.values()) runner.close();
  for (const one of walls) one.close();
});

function runner(hook: Hook, maxStates: number | undefined): TestRuns {
  const name = `${hook} ${maxStates}`;
  let found = runners.get(name);
  if (found === undefined) {
    let own = wall;
    if (maxStates !== undefined) {
      own = new TestWall(ports, { maxStates });
      walls.push(own);
    }
    found = new TestRuns(own, hook);
    runners.set(name, found);
  }
  return found;
}

function run(fixture: Fixture, hook: Hook): FixtureRun {
  return runFixture(runner(hook, fixture.maxStates), fixture);
}

for (const [topic, fixtures] of Object.entries(TOPICS)) {
  describe(topic, () => {
    it.each(fixtures)('$name', (fixture) => {
      const xdp = run(fixture, 'xdp');
      const tc = run(fixture, 'tc');
      expect({ xdp: xdp.problems, tc: tc.problems }).toEqual({ xdp: [], tc: [] });
      expect(tc.after).toEqual(xdp.after);
    });
  });
}

describe('the reasons', () => {
  it('are all provoked, but for those that cannot occur', () => {
    const provoked = new Set(
      FIXTURES.flatMap((fixture) =>
        fixture.steps.flatMap((step) => (step.kind === 'frame' ? [step.expect.reason] : [])),
      ),
    );
    const known = Array.from(
      { length: wall.reasons.count },
      (_, number) => wall.reasons.get(number).name,
    );
    const missing = known.filter((name) => !provoked.has(name)).sort();
    for (const [name, why] of Object.entries(UNREACHABLE)) {
      process.stdout.write(`  not provoked: ${name} (${why})\n`);
    }
    expect(missing).toEqual(Object.keys(UNREACHABLE).sort());
  });
});
