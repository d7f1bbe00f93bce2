/**
 * IPv6 everywhere that IPv4 works: every fixture in IPv4 that IPv6 has a twin of, told again in it, with
 * extension headers, has the same verdicts, states, rules and counters.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STORIES, TOPICS } from './fixtures/index.js';
import { inSix, NoTwin } from './fixtures/six.js';
import type { Fixture } from './fixtures/types.js';
import { runFixture } from './harness/fixture-run.js';
import { expectationOf, modelRun } from './harness/model.js';
import { layCables, type TestPort } from './harness/network.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

/** What IPv6 has in another form has fixtures of its own, in both families. */
const OWN_FORM = ['ARP and neighbours', 'fragments', 'ICMP errors', 'bypass corpus'];
const LEAST = 100;

let ports: TestPort[];
let wall: TestWall;

beforeAll(() => {
  ports = layCables();
  wall = new TestWall(ports);
});

afterAll(() => wall.close());

const twins: Fixture[] = [];
const without = new Map<string, number>();
const elsewhere = new Set(OWN_FORM.flatMap((topic) => TOPICS[topic]!));
for (const fixture of STORIES.filter((one) => !elsewhere.has(one))) {
  try {
    const twin = inSix(fixture);
    if (JSON.stringify(twin.steps) !== JSON.stringify(fixture.steps)) twins.push(twin);
  } catch (error) {
    if (!(error instanceof NoTwin)) throw error;
    without.set(error.message, (without.get(error.message) ?? 0) + 1);
  }
}

function problems(fixture: Fixture, hook: 'xdp' | 'tc'): string[] {
  const { maxStates } = fixture;
  const own = maxStates === undefined ? wall : new TestWall(ports, { maxStates });
  const runs = new TestRuns(own, hook);
  const { problems } = runFixture(runs, fixture);
  runs.close();
  if (own !== wall) own.close();
  return problems;
}

/** What the model says otherwise. */
function disagreements(fixture: Fixture): string[] {
  return modelRun(fixture).verdicts.flatMap(({ step, verdict }) => {
    const { action, reason } = expectationOf(verdict);
    const { expect: wanted } = step;
    if (action === wanted.action && reason === wanted.reason) return [];
    return [`model: ${action} ${reason}, expected ${wanted.action} ${wanted.reason}`];
  });
}

describe('the twin', () => {
  // By turns: that both hooks say the same is tested elsewhere.
  it.each(twins.map((twin, at) => [at % 2 === 0 ? 'xdp' : 'tc', twin.name, twin] as const))(
    '%s: %s',
    (hook, _, twin) => {
      const found = { hook: problems(twin, hook), model: disagreements(twin) };
      expect(found).toEqual({ hook: [], model: [] });
    },
  );
});

it('is told of most', () => {
  for (const [why, count] of without) process.stdout.write(`  ${count} without a twin: ${why}\n`);
  expect(twins.length).toBeGreaterThanOrEqual(LEAST);
});
