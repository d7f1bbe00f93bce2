import { describe, expect, it } from 'vitest';
import { bars } from '../../../bench/plots/bars.js';
import { figures } from '../../../bench/plots/figures.js';
import { apart, lines, scaleOf, short } from '../../../bench/plots/lines.js';
import { render } from '../../../bench/plots/svg.js';
import { type Row, type Run, SEED, WALL_XDP } from '../../../bench/results.js';

/** Tags that are opened are closed, in order. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, slash, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (slash === '/') {
      if (open.pop() !== name) return false;
    } else if (!rest!.endsWith('/')) open.push(name!);
  }
  return open.length === 0;
}

const bar = (label: string, value: number) =>
  ({ label, hue: 'xdp', ours: true, value, range: [value, value] }) as const;

describe('bars', () => {
  const drawing = bars({
    title: 'a < b & c',
    subtitle: 'less is better',
    panels: [{ title: 'one', bars: [bar('short', 10), bar('long', 40)] }],
    text: (value) => `${value} ns`,
  });
  const svg = render(drawing);

  it('are as long as what they stand for, and say it', () => {
    const [short10, long40] = [...svg.matchAll(/<rect x="200" y="\S+" width="(\S+)"/g)].map(
      ([, width]) => Number(width),
    );
    expect(long40! / short10!).toBeCloseTo(4, 1);
    expect(svg).toContain('40 ns');
  });

  it('are well-formed, whatever the words', () => {
    expect(isWellFormed(svg)).toBe(true);
    expect(svg).toContain('a &lt; b &amp; c');
  });

  it('have colours for light and dark ground', () => {
    expect(svg).toContain('prefers-color-scheme:dark');
  });
});

describe('lines', () => {
  it('name each line at its end, one above the other', () => {
    const series = ['one', 'two'].map((label) => ({
      ...{ label, hue: 'tc' as const, ours: false },
      points: [
        { x: 1, y: 100 },
        { x: 1000, y: 100 },
      ],
    }));
    const drawing = lines({ title: 't', subtitle: 's', xLabel: 'rules', yLabel: 'ns', series });
    const svg = render(drawing);
    const at = (label: string) => Number(new RegExp(`y="(\\S+)"[^>]*>${label}<`).exec(svg)![1]);
    expect(Math.abs(at('one') - at('two'))).toBeGreaterThanOrEqual(16);
    expect(isWellFormed(svg)).toBe(true);
  });

  it('stay within the picture when many end low', () => {
    const places = apart([340, 341, 342, 343]);
    expect(Math.max(...places)).toBeLessThan(400);
    for (let i = 1; i < places.length; i++) expect(places[i]! - places[i - 1]!).toBe(16);
  });

  it('have an axis on which a factor is a length', () => {
    const { at, ticks } = scaleOf([1, 1_000_000], [0, 600]);
    expect([at(1), at(1000), at(1_000_000)].map(Math.round)).toEqual([0, 300, 600]);
    expect(ticks).toEqual([1, 10, 100, 1000, 10_000, 100_000, 1_000_000]);
  });

  it('write large numbers short', () => {
    expect([1, 200, 16_384, 1_000_000].map(short)).toEqual(['1', '200', '16.384k', '1M']);
  });
});

describe('figures', () => {
  const row = (subject: string, work: string, more: Partial<Row> = {}): Row => ({
    ...{ experiment: 'traffic', subject, x: 1, work, samples: [100, 120, 90], packets: 1 },
    ...more,
  });
  const run = (rows: readonly Row[]) =>
    ({ rows, latencies: [], experiments: [] }) as unknown as Run;

  it('are those that the run has figures for', () => {
    expect([...figures(run([])).keys()]).toEqual([]);
    const works = ['established TCP', 'new TCP', 'denied'];
    const rows = works.flatMap((work) => [row(WALL_XDP, work), row(SEED, work)]);
    const rules = [16, 1000].map((x) => row(WALL_XDP, 'new TCP', { experiment: 'rules', x }));
    expect([...figures(run([...rows, ...rules])).keys()]).toEqual(['packet.svg', 'rules.svg']);
  });
});
