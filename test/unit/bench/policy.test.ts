import { describe, expect, it } from 'vitest';
import { benchPolicy, hostAddress } from '../../../bench/policy.js';

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
});
