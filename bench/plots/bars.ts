/** Horizontal bars in panels, one scale for all. */
import { box, type Drawing, type Hue, rule, words } from './svg.js';

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly hue: Hue;
  /** What the plot is about: its label stands out. */
  readonly ours: boolean;
  readonly value: number;
  /** The least and the most that was seen. */
  readonly range: readonly [number, number];
}

/** Bars with a heading. */
export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LEFT = 200;
/** Room for what is written behind a bar. */
const RIGHT = 90;
const ROW = 22;
const PANEL_HEAD = 34;
const TOP = 56;
const BOTTOM = 16;

/** Draws panels one below the other. */
export function bars(o: {
  readonly title: string;
  readonly subtitle: string;
  readonly panels: readonly Panel[];
  readonly text: (value: number) => string;
}): Drawing {
  const all = o.panels.flatMap((panel) => panel.bars);
  const most = Math.max(...all.map(({ value, range }) => Math.max(value, range[1])));
  const scale = (value: number) => (value / most) * (WIDTH - LEFT - RIGHT);
  const parts = [words(16, 26, o.title, 'head'), words(16, 45, o.subtitle, 'faint')];
  let y = TOP;
  for (const panel of o.panels) {
    parts.push(words(16, y + 22, panel.title, 'bold'));
    y += PANEL_HEAD;
    parts.push(rule(LEFT, y - 4, LEFT, y + panel.bars.length * ROW));
    for (const bar of panel.bars) {
      parts.push(...drawn(bar, y, scale, o.text));
      y += ROW;
    }
  }
  return { width: WIDTH, height: y + BOTTOM, title: o.title, parts };
}

function drawn(
  { label, hue, ours, value, range }: Bar,
  y: number,
  scale: (value: number) => number,
  text: (value: number) => string,
): string[] {
  const middle = y + ROW / 2 - 2;
  const [least, most] = range.map((end) => LEFT + scale(end)) as [number, number];
  const weight = ours ? ' bold' : '';
  return [
    words(LEFT - 10, middle + 5, label, `end${weight}`),
    box(LEFT, y, Math.max(1, scale(value)), ROW - 5, hue),
    rule(least, middle, most, middle, 'rule'),
    words(Math.max(LEFT + scale(value), most) + 8, middle + 5, text(value), weight.trim()),
  ];
}
