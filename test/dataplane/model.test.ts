/** Every fixture on the reference model: what it says and what the packet path does is one thing. */
import { describe, expect, it } from 'vitest';
import type { Outcome as Verdict } from '../../src/control/policy/model/index.js';
import { describeFrame } from '../packet/index.js';
import { TOPICS } from './fixtures/index.js';
import type { Expectation, Fixture, RuleIds } from './fixtures/types.js';
import { expectationOf, expectedOffence, modelRun } from './harness/model.js';
import { offenceLines } from './harness/states.js';

/** What the model says otherwise than the fixture. */
function disagreements(fixture: Fixture): string[] {
  const { verdicts, model, now } = modelRun(fixture);
  const problems = verdicts.flatMap(({ step, verdict }) => {
    const got = { ...expectationOf(verdict), ...rulesAskedFor(step.expect, verdict) };
    const { log: _, ...wanted } = step.expect;
    if (JSON.stringify(sorted(got)) === JSON.stringify(sorted(wanted))) return [];
    const words = describeFrame(step.frame);
    return [`${step.port}: ${words}: ${JSON.stringify(got)}, expected ${JSON.stringify(wanted)}`];
  });
  if (fixture.states !== undefined) {
    const phases = model.connections(now).map(({ phase }) => phase);
    const wanted = fixture.states.map(({ phase }) => phase);
    if (phases.sort().join() !== wanted.sort().join()) problems.push(`phases: ${phases.join()}`);
  }
  if (fixture.offences !== undefined) {
    const got = offenceLines(model.offences.map(expectedOffence));
    const wanted = offenceLines(fixture.offences);
    if (got.join() !== wanted.join()) problems.push(`offences ${got.join('; ')}`);
  }
  return problems;
}

function rulesAskedFor(expect: Expectation, { rules }: Verdict): { rules?: RuleIds } {
  if (expect.rules === undefined) return {};
  const kinds = Object.keys(expect.rules) as (keyof RuleIds)[];
  return { rules: Object.fromEntries(kinds.map((kind) => [kind, rules[kind] ?? ''])) };
}

function sorted(expect: Omit<Expectation, 'log'>): unknown[] {
  return Object.entries(expect).sort(([a], [b]) => (a < b ? -1 : 1));
}

for (const [topic, fixtures] of Object.entries(TOPICS)) {
  describe(topic, () => {
    it.each(fixtures)('$name', (fixture) => {
      expect(disagreements(fixture)).toEqual([]);
    });
  });
}
