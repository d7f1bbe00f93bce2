import { describe, expect, it } from 'vitest';
import { compile } from '../../../../src/control/policy/compile.js';
import { judgePlan, PlanEvaluator } from '../../../../src/control/policy/evaluate.js';
import { judgeOpening } from '../../../../src/control/policy/model/index.js';
import { NO_MEMBERS } from '../../../../src/control/policy/opening.js';
import { parsePolicy } from '../../../../src/control/policy/parse.js';
import { fc } from '../../../chance.js';
import { addressBytes, memberships, membersOf, NAMES, opening, policyText } from './arbitraries.js';

describe('the compiled plan', () => {
  it('judges as the policy means', () => {
    const packets = fc.array(opening, { minLength: 20, maxLength: 60 });
    const verdicts = new Map<string, number>();
    fc.assert(
      fc.property(policyText, packets, memberships, (text, openings, set) => {
        const policy = parsePolicy(text, 'p.yaml');
        const evaluator = new PlanEvaluator(compile(policy, { names: NAMES }));
        const world = { policy, names: NAMES, members: membersOf(set) };
        for (const packet of openings) {
          const meant = judgeOpening(world, packet);
          expect(evaluator.judge(packet, world.members)).toEqual(meant);
          verdicts.set(meant.reason, (verdicts.get(meant.reason) ?? 0) + 1);
        }
      }),
      { numRuns: 400 },
    );
    // The world is small enough for every verdict to occur.
    expect([...verdicts.keys()].sort()).toEqual(
      ['denied', 'no-in', 'no-out', 'none', 'not-screened', 'spoofed'].sort(),
    );
  });

  it('finds a winner by the narrowest service, then by the earliest line', () => {
    const text = `apiVersion: bridgewall/v1
hosts:
  h:
    addresses: [10.0.0.1]
    in:
      all: {from: any, id: everything}
      1-9/tcp: {from: 10.0.0.0/8, id: range}
      5/tcp: [{from: 10.0.0.0/8, id: first}, {from: any, id: second}]
`;
    const plan = compile(parsePolicy(text, 'p.yaml'));
    const rule = (source: string, code: number): string | null =>
      judgePlan(
        plan,
        {
          source: addressBytes(source),
          destination: addressBytes('10.0.0.1'),
          code,
          fromUplink: true,
        },
        NO_MEMBERS,
      ).rules.in;
    expect(rule('10.0.0.9', 5)).toBe('first');
    expect(rule('11.0.0.9', 5)).toBe('second');
    expect(rule('10.0.0.9', 6)).toBe('range');
    expect(rule('11.0.0.9', 6)).toBe('everything');
  });
});
