import { describe, expect, it } from 'vitest';
import { seedRules, seedSets } from '../../../bench/seed.js';

const HOST = { address: '192.0.2.1', services: ['tcp:80', 'udp:7'], clients: ['10.0.0.0/8'] };

describe("the seed's rules", () => {
  it('look at established connections first, and deny what nothing allowed', () => {
    const forward = seedRules('up0')
      .split('\n')
      .filter((line) => line.startsWith('-A FORWARD'));
    expect(forward[0]).toBe('-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT');
    expect(forward.at(-1)).toBe('-A FORWARD -j LOG_DROP');
    expect(seedRules('up0')).toContain(':FORWARD DROP\n');
  });

  it('name only sets that are created', () => {
    const created = [...seedSets(HOST).matchAll(/^create (\S+)/gm)].map(([, name]) => name);
    const named = seedRules('up0').matchAll(/--(?:match|add)-set (\S+)/g);
    expect(created).toEqual(expect.arrayContaining([...named].map(([, name]) => name)));
  });
});
