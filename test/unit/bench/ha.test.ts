import { describe, expect, it } from 'vitest';
import { type Found, report } from '../../../bench/ha/report.js';
import type { Trial } from '../../../bench/ha/trials.js';

const trial = (failure: string, gap: number, comeback: number | null, lost = 0): Trial => ({
  ...{ failure, gap, comeback, lost },
  twice: 1,
});
const FOUND: Found = {
  machine: 'a machine',
  connections: 10,
  rounds: 1,
  amount: { rate: 100, seconds: 1 },
  switched: [
    {
      name: 'one',
      trials: [
        trial('link loss', 5, 40),
        trial('planned switch', 1, null),
        trial('link loss', 9, 30, 2),
      ],
      failed: ['one, silent death: nobody came'],
      mute: 3,
    },
  ],
  costs: [
    {
      name: 'one',
      perSecond: { on: 90, off: 100 },
      ratio: { median: 0.9, least: 0.8, most: 1 },
      process: { active: 1.04, standby: 2 },
      ports: { active: 3, standby: 4 },
      wire: 87.6,
    },
  ],
};

describe('the report of bench-ha', () => {
  it('has a line for each failure of each pair: gaps, worst comeback, what was lost and came twice', () => {
    const text = report(FOUND);
    expect(text).toContain('| link loss | one | 2 | 9 | 9 | 9 | 40 | 2 | 2 |');
    expect(text).toContain('| planned switch | one | 1 | 1 | 1 | 1 |  | 0 | 1 |');
  });

  it('tells of trials that failed, and of connections that are gone', () => {
    const text = report(FOUND);
    expect(text).toContain('one: 3 of 10 connections did not answer at the end');
    expect(text).toContain('Not to its end: one, silent death: nobody came');
  });

  it('tells what replication costs each pair', () => {
    const text = report(FOUND);
    expect(text).toContain('| one | 0.90 (0.80-1.00) | 90 and 100 | 1.0 | 3.0 | 2.0 | 4.0 | 88 |');
  });

  it('leaves out what was not measured', () => {
    expect(report({ ...FOUND, costs: [] })).not.toContain('replication');
    expect(report({ ...FOUND, switched: [] })).not.toContain('gap');
  });
});
