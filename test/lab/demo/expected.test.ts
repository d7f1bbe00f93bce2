import { describe, expect, it } from 'vitest';
import {
  EXPECTED,
  expectedVerdict,
  SLIDE_ACTORS,
  slidePairs,
  slideWord,
} from '../../../src/lab/expected.js';
import { allAttempts } from '../../../src/lab/judge.js';
import { AQUILANTE_IN, AQUILANTE_OUT } from '../../../src/lab/picture.js';
import { ACTORS, addressOf, STATIONS, stationOf } from '../../../src/lab/site.js';

function between(from: string, to: string) {
  return EXPECTED.find((e) => e.from === from && e.to === to);
}

describe('the table of what must happen', () => {
  it('says something for every cell of the slide, and agrees with its word', () => {
    for (const from of SLIDE_ACTORS) {
      for (const to of SLIDE_ACTORS) {
        const word = slideWord(from, to);
        if (word === '') {
          expect(from).toBe(to);
          continue;
        }
        const [general, partners] = slidePairs(from, to).map(([a, b]) => between(a, b));
        expect(general, `${from} -> ${to}`).toBeDefined();
        expect((general?.open.length ?? 0) > 0, `${from} -> ${to}`).toBe(word === 'allow');
        if (word === 'limited') expect(partners?.open.length).toBeGreaterThan(0);
        if (word === 'NA') expect(general?.shut).toBe('not-screened');
      }
    }
  });

  it('has each pair once, and opens only what the destination serves', () => {
    const pairs = EXPECTED.map((e) => `${e.from} ${e.to}`);
    expect(new Set(pairs).size).toBe(pairs.length);
    for (const { from, to, open } of EXPECTED) {
      expect(stationOf(from).name).not.toBe(stationOf(to).name);
      if (open === 'everything') continue;
      for (const probe of open) {
        if (probe !== 'ping') expect(stationOf(to).serves, `${from} -> ${to}`).toContain(probe);
      }
    }
  });

  it('shows every line of aquilante open to somebody and shut to somebody', () => {
    const attempts = allAttempts();
    for (const [lines, side] of [
      [AQUILANTE_IN, 'to'],
      [AQUILANTE_OUT, 'from'],
    ] as const) {
      for (const [probe, group] of lines) {
        const of = attempts.filter((a) => a[side] === 'aquilante' && a.probe === probe);
        const open = of.filter((a) => a.expected === 'open').length;
        expect(open > 0, `${side} ${probe}`).toBe(!group.startsWith('('));
        if (group.startsWith('(')) expect(of.length).toBeGreaterThan(0);
      }
    }
  });

  it('knows reasons that differ by service', () => {
    const cell = between('aquilante', 'mail');
    if (!cell) throw new Error('no such cell');
    expect(expectedVerdict(cell, '25/tcp')).toBe('no-in');
    expect(expectedVerdict(cell, '465/tcp')).toBe('no-out');
  });

  it('tries both families of everything that is served, and ping', () => {
    const attempts = allAttempts();
    const served = EXPECTED.map((e) => 2 * (stationOf(e.to).serves.length + 1));
    expect(attempts.length).toBe(served.reduce((a, b) => a + b, 0));
    expect(attempts.filter((a) => a.family === 6).length).toBe(attempts.length / 2);
  });
});

describe('the site', () => {
  it('gives every machine addresses and a port of its own', () => {
    const names = Object.keys(ACTORS) as (keyof typeof ACTORS)[];
    const addresses = names.flatMap((name) => [addressOf(name, 4), addressOf(name, 6)]);
    expect(new Set(addresses).size).toBe(2 * names.length);
    expect(new Set(STATIONS.map((s) => s.port)).size).toBe(STATIONS.length);
    for (const { port } of STATIONS) expect(port.length).toBeLessThanOrEqual(15);
  });
});
