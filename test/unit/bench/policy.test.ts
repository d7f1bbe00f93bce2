import { describe, expect, it } from 'vitest';
import { benchPolicy, hostAddress, wholesaleText } from '../../../bench/policy.js';
import { compile, parsePolicy } from '../../../src/control/policy/index.js';

describe('benchPolicy', () => {
  it.each([
    [1, 1],
    [1000, 10],
    [2050, 21],
  ])('makes %i rules around %i hosts', (rules, hosts) => {
    const policy = benchPolicy(rules);
    expect(policy.plan.rules).toHaveLength(rules);
    expect(policy.hosts).toBe(hosts);
    expect(policy.plan.hosts.at(-1)?.addresses).toEqual([hostAddress(hosts - 1)]);
  });

  it('writes the same wholesale, for more rules than a policy may have', () => {
    const plan = compile(parsePolicy(wholesaleText(200), 'wholesale.yaml'));
    const own = [...plan.rules].filter(({ direction }) => direction === 'in');
    expect(own).toHaveLength(200);
    expect(new Set(own.map(({ host }) => host)).size).toBe(2);
  });

  it('adds a line that denies, and addresses of IPv6', () => {
    const { plan, rules } = benchPolicy(16, { deny: true, six: true });
    expect(plan.deny).toHaveLength(1);
    expect(plan.rules).toHaveLength(rules + 1);
    expect(plan.hosts[0]?.addresses).toHaveLength(2);
  });
});
