/** Lines over an axis that grows by factors of ten, each named at its end. */
import { type Drawing, type Hue, path, rule, words } from './svg.js';

/** One line. */
export interface Series {
  readonly label: string;
  readonly hue: Hue;
  /** What the plot is about. */
  readonly ours: boolean;
  /** Rising in x. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 70;
/** Room for the names. */
const RIGHT = 190;
const TOP = 74;
const BOTTOM = 56;
const LINE = 16;

/** Draws lines. */
export function lines(o: {
  readonly title: string;
  readonly subtitle: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}): Drawing {
  const points = o.series.flatMap((one) => one.points);
  const x = scaleOf(
    points.map((point) => point.x),
    [LEFT, WIDTH - RIGHT],
  );
  const y = scaleOf(
    points.map((point) => point.y),
    [HEIGHT - BOTTOM, TOP],
  );
  const parts = [
    words(16, 26, o.title, 'head'),
    words(16, 45, o.subtitle, 'faint'),
    ...y.ticks.flatMap((tick) => [
      rule(LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick)),
      words(LEFT - 8, y.at(tick) + 4, short(tick), 'end faint'),
    ]),
    ...x.ticks.map((tick) => words(x.at(tick), HEIGHT - BOTTOM + 18, short(tick), 'middle faint')),
    words((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, o.xLabel, 'middle'),
    words(LEFT - 8, TOP - 12, o.yLabel, 'end faint'),
    ...o.series.map(({ points: own, hue, ours }) =>
      path(
        own.map((point) => [x.at(point.x), y.at(point.y)] as const),
        hue,
        ours,
      ),
    ),
    ...names(o.series, x.at, y.at),
  ];
  return { width: WIDTH, height: HEIGHT, title: o.title, parts };
}

/** Each beside its last point, none over another. */
function names(
  series: readonly Series[],
  x: (value: number) => number,
  y: (value: number) => number,
): string[] {
  const ends = series
    .map(({ label, hue, ours, points }) => {
      const last = points.at(-1)!;
      return { label, hue, ours, x: x(last.x) + 10, y: y(last.y) + 4 };
    })
    .sort((a, b) => a.y - b.y);
  const placed = apart(ends.map((end) => end.y));
  return ends.map((end, i) =>
    words(end.x, placed[i]!, end.label, `named ${end.hue}${end.ours ? ' bold' : ''}`),
  );
}

/** Rising places, moved down as far as needed for a line between any two, and back up from the bottom. */
export function apart(places: readonly number[]): number[] {
  const moved: number[] = [];
  for (const place of places) moved.push(Math.max(place, (moved.at(-1) ?? -LINE) + LINE));
  const over = Math.max(0, (moved.at(-1) ?? 0) - (HEIGHT - BOTTOM + 4));
  return moved.map((place) => place - over);
}

/** Logarithmic, from a power of ten to another, or where the values end when that is much nearer. */
export function scaleOf(values: readonly number[], [from, to]: readonly [number, number]) {
  const low = Math.log10(Math.min(...values));
  const high = Math.log10(Math.max(...values));
  const least = Math.floor(low * 3 + 1e-9) / 3;
  const most = Math.max(least + 1 / 3, Math.ceil(high * 3 - 1e-9) / 3);
  const at = (value: number) => from + ((Math.log10(value) - least) / (most - least)) * (to - from);
  const steps = most - least > 3 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let decade = Math.floor(least); decade <= most; decade++) {
    for (const step of steps) {
      const tick = step * 10 ** decade;
      const power = Math.log10(tick);
      if (power >= least - 1e-9 && power <= most + 1e-9) ticks.push(tick);
    }
  }
  return { at, ticks };
}

/** `20k` for 20,000. */
export function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 1000 ? `${value / 1000}k` : `${value}`;
}
