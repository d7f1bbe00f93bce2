import { describe, expect, it } from 'vitest';
import { goals } from '../../../bench/goals.js';
import { report } from '../../../bench/report.js';
import {
  BARE_XDP,
  BRIDGE,
  find,
  quantile,
  type Row,
  type Run,
  ratio,
  SEED,
  spread,
  WALL_TC,
  WALL_XDP,
} from '../../../bench/results.js';

const row = (subject: string, samples: number[], more: Partial<Row> = {}): Row => ({
  ...{ experiment: 'traffic', subject, x: 1, work: 'established UDP', samples, packets: 1000 },
  ...more,
});

const run = (rows: Row[], more: Partial<Run> = {}): Run => ({
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
  experiments: [
    { name: 'traffic', title: 'Kinds of traffic', axis: null },
    { name: 'rules', title: 'Rules', axis: 'rules' },
  ],
  rows,
  latencies: [],
  cores: [],
  memory: null,
  programs: [{ subject: WALL_XDP, instructions: 12345 }],
  policies: [{ rules: 65000, hosts: 650, compileMs: 10, installMs: [3, 1, 2] }],
  gaps: [],
  failures: [],
  ...more,
});

describe('spread', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  });
});

describe('ratio', () => {
  it('compares within a repetition, so that a slow one does not count', () => {
    const ours = row(WALL_XDP, [100, 1000, 100]);
    const theirs = row(BRIDGE, [200, 2000, 200]);
    expect(ratio(ours, theirs)).toEqual({ median: 0.5, min: 0.5, max: 0.5 });
  });
});

describe('quantile', () => {
  it('is the upper edge of the step that holds the share', () => {
    const counts = [0, 50, 49, 0, 1];
    expect(quantile(counts, 0.5, 10)).toBe(20);
    expect(quantile(counts, 0.99, 10)).toBe(30);
    expect(quantile(counts, 0.999, 10)).toBe(50);
  });

  it('is no number where nothing came', () => {
    expect(quantile([0, 0], 0.5, 10)).toBeNaN();
  });
});

describe('find', () => {
  it('asks for experiment, subject, size and traffic', () => {
    const rows = [row(SEED, [1]), row(SEED, [2], { experiment: 'flows', x: 200_000 })];
    const wanted = { ...rows[1]!, samples: [] };
    expect(find(rows, wanted)).toBe(rows[1]);
    expect(find(rows, { ...wanted, x: 1 })).toBeUndefined();
  });
});

describe('goals', () => {
  const made = (rows: Row[]) => goals(run(rows)).map(({ text, reached }) => [text, reached]);

  it('say which were reached, and nothing of what was not measured', () => {
    const rows = [
      row(BRIDGE, [200]),
      row(BARE_XDP, [100]),
      row(WALL_XDP, [140]),
      row(WALL_TC, [300]),
    ];
    expect(made(rows)).toEqual([
      ['established UDP: native XDP to a bare redirect', true],
      ['established UDP: tc to the kernel bridge', false],
    ]);
  });

  it('are a tenth of what the seed costs, a sixth with many flows, an eighth for new ones', () => {
    const many = { experiment: 'flows', x: 200_000 };
    const fresh = { work: 'new TCP' };
    const rows = [
      ...[row(SEED, [1000]), row(WALL_XDP, [101])],
      ...[row(SEED, [1000], many), row(WALL_XDP, [166], many)],
      ...[row(SEED, [1000], fresh), row(WALL_XDP, [125], fresh)],
    ];
    expect(goals(run(rows)).map(({ most, reached }) => [most, reached])).toEqual([
      [1 / 10, false],
      [1 / 6, true],
      [1 / 8, true],
    ]);
  });

  it('compare the most of what an experiment varies with the least', () => {
    const at = (x: number, ns: number) => row(WALL_TC, [ns], { experiment: 'rules', x });
    expect(made([at(1_000_000, 111), at(1000, 500), at(16, 100)])).toEqual([
      ['established UDP: wall, tc, 1,000,000 rules to 16', false],
    ]);
  });
});

describe('the report of a run', () => {
  const rows = [
    row(BRIDGE, [200, 100, 300]),
    row(WALL_XDP, [100, 150, 50]),
    row(WALL_XDP, [77], { experiment: 'rules', x: 65_000 }),
  ];

  it('has a table of each experiment, with sizes where it has some', () => {
    const text = report(run(rows));
    expect(text).toContain('100 (50-150)');
    expect(text).toContain('| 65,000 |');
  });

  it('tells what was not measured, and what failed', () => {
    const text = report(run(rows, { gaps: ['too much'], failures: ['wall: gone'] }));
    expect(text).toContain('Not measured:\n\n- too much');
    expect(text).toContain('Failed:\n\n- wall: gone');
  });

  it('gives latencies in microseconds', () => {
    const latencies = [
      { subject: WALL_TC, p50: [3000], p99: [4500], p999: [9000], frames: 12_345 },
    ];
    const text = report(run(rows, { latencies }));
    expect(text).toMatch(/wall, tc \| 3\.0 \(3\.0-3\.0\) \| 4\.5 .*\| 12,345 \|/);
  });

  it('tells what two cores leave of each other', () => {
    const cores = [{ work: 'new TCP', alone: [500], apart: [600], shared: [800] }];
    const text = report(run(rows, { cores }));
    expect(text).toMatch(/new TCP \| +500 .* 600 .* 800 .*\| +0\.75 .*\|/);
    expect(report(run(rows))).not.toContain('Two cores');
  });

  it('gives memory in bytes', () => {
    const memory = { perState: 203.5, perRule: 99.6, fixed: 1_234_567 };
    expect(report(run(rows, { memory }))).toMatch(/\| +204 +\| +100 \| 1,234,567 \|/);
  });
});
