import { describe, expect, it } from 'vitest';
import { report } from '../../../bench/report.js';
import {
  BARE_XDP,
  BRIDGE,
  goals,
  type Row,
  type Run,
  ratio,
  SEED,
  spread,
  WALL_TC,
  WALL_XDP,
} from '../../../bench/results.js';

const row = (subject: string, rules: number, samples: number[]): Row => ({
  subject,
  rules,
  work: 'established UDP',
  samples,
  packets: 1000,
});

const run = (rows: Row[]): Run => ({
  date: '2026-01-01T00:00:00.000Z',
  seconds: 1,
  machine: {
    cpu: 'a CPU',
    cores: 2,
    memoryGiB: 4,
    kernel: '6.1',
    commit: 'abcdef0',
    changed: false,
  },
  loadBefore: 0,
  repetitions: 3,
  milliseconds: 1,
  rows,
  programs: [{ subject: WALL_XDP, instructions: 12345 }],
  policies: [{ rules: 65000, hosts: 650, compileMs: 10, installMs: [3, 1, 2] }],
});

describe('spread', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  });
});

describe('ratio', () => {
  it('compares within a repetition, so that a slow one does not count', () => {
    const ours = row(WALL_XDP, 1, [100, 1000, 100]);
    const theirs = row(BRIDGE, 0, [200, 2000, 200]);
    expect(ratio(ours, theirs)).toEqual({ median: 0.5, min: 0.5, max: 0.5 });
  });
});

describe('goals', () => {
  it('says which were reached, and nothing of what was not measured', () => {
    const rows = [
      row(BRIDGE, 0, [200]),
      row(BARE_XDP, 0, [100]),
      row(WALL_XDP, 1, [140]),
      row(WALL_XDP, 65000, [160]),
      row(WALL_TC, 1, [300]),
    ];
    const made = goals(run(rows)).map(({ text, reached }) => [text, reached]);
    expect(made).toEqual([
      ['established UDP: native XDP to a bare redirect', true],
      ['established UDP: tc to the kernel bridge', false],
      ['established UDP: wall, native XDP, 65,000 rules to 1', false],
    ]);
  });
});

describe("goals beside the seed's rules", () => {
  it('ask for a tenth of an established packet, and for an eighth of a new connection', () => {
    const opening = (subject: string, ns: number) => ({
      ...row(subject, 1, [ns]),
      work: 'new TCP',
    });
    const rows = [
      row(SEED, 0, [1000]),
      row(WALL_XDP, 1, [110]),
      { ...opening(SEED, 1000), rules: 0 },
      opening(WALL_XDP, 110),
    ];
    const made = goals(run(rows)).filter(({ text }) => text.includes('conntrack'));
    expect(made.map(({ most, reached }) => [most, reached])).toEqual([
      [0.1, false],
      [0.125, true],
    ]);
  });
});

describe('report', () => {
  it('has a line for each subject and number of rules', () => {
    const rows = [row(BRIDGE, 0, [200, 220, 210]), row(WALL_XDP, 65000, [100, 110, 90])];
    const text = report(run(rows));
    expect(text).toMatch(/\| kernel bridge +\| +\| +210 \(200-220\) \|/);
    expect(text).toMatch(/\| wall, native XDP \| 65,000 \| +100 \(90-110\) \|/);
    expect(text).toMatch(/\| wall, native XDP \| 65,000 \| +0\.50 \|/);
    expect(text).toContain('| 65,000 |   650 |      10 | 2 (1-3) |');
  });
});
