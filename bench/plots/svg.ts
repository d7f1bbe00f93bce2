/** Pieces of SVG. Colours are classes, so that a drawing is readable on light and dark ground. */

/** One drawing. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** What is seen, in a sentence: for those who do not see it. */
  readonly title: string;
  readonly parts: readonly string[];
}

/** Classes of what is drawn. */
export const HUES = ['xdp', 'generic', 'tc', 'seed', 'nft', 'linear', 'bridge', 'bare'] as const;
export type Hue = (typeof HUES)[number];

const LIGHT: Readonly<Record<Hue, string>> = {
  ...{ xdp: '#0b5fd0', generic: '#4c8fe8', tc: '#0a8a80' },
  ...{ seed: '#c2570c', nft: '#8a3fc0', linear: '#c01f3a', bridge: '#5f6b7a', bare: '#8d98a5' },
};
const DARK: Readonly<Record<Hue, string>> = {
  ...{ xdp: '#6fb0ff', generic: '#9cc8ff', tc: '#4fd1c5' },
  ...{ seed: '#ff9a56', nft: '#c99bf5', linear: '#ff7d90', bridge: '#a9b4c0', bare: '#808c99' },
};

/** The text of a drawing. */
export function render({ width, height, title, parts }: Drawing): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>\n${style()}\n</style>`,
    `<rect class="ground" width="${width}" height="${height}" rx="6"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function style(): string {
  // No variables: not everything that draws SVG knows them.
  const hues = (of: Readonly<Record<Hue, string>>) =>
    HUES.map((hue) => `.fill.${hue},.named.${hue}{fill:${of[hue]}}.line.${hue}{stroke:${of[hue]}}`);
  const ground = (back: string, ink: string, faint: string) =>
    `.ground{fill:${back}}text{fill:${ink}}.faint{fill:${faint}}.rule{stroke:${faint};stroke-opacity:.35}`;
  return [
    'text{font:13px system-ui,sans-serif}.head{font-size:16px;font-weight:600}.bold{font-weight:600}',
    '.end{text-anchor:end}.middle{text-anchor:middle}.rule{stroke-width:1}.line{fill:none}',
    ground('#ffffff', '#1d232b', '#5f6b7a'),
    ...hues(LIGHT),
    '@media (prefers-color-scheme:dark){',
    ground('#0f141a', '#e6ebf1', '#9aa6b3'),
    ...hues(DARK),
    '}',
  ].join('\n');
}

/** Words at a place; `kind` are classes. */
export function words(x: number, y: number, content: string, kind = ''): string {
  return `<text x="${round(x)}" y="${round(y)}"${classes(kind)}>${escaped(content)}</text>`;
}

/** A box with a hue. */
export function box(x: number, y: number, width: number, height: number, hue: Hue): string {
  const size = `width="${round(width)}" height="${round(height)}"`;
  return `<rect x="${round(x)}" y="${round(y)}" ${size} rx="2" class="fill ${hue}"/>`;
}

/** A straight line. */
export function rule(x1: number, y1: number, x2: number, y2: number, kind = 'rule'): string {
  const ends = `x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"`;
  return `<line ${ends}${classes(kind)}/>`;
}

/** A line through places, with a dot at each. */
export function path(
  places: readonly (readonly [number, number])[],
  hue: Hue,
  heavy: boolean,
): string {
  const points = places.map(([x, y]) => `${round(x)},${round(y)}`).join(' ');
  const dots = places.map(
    ([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="3.5" class="fill ${hue}"/>`,
  );
  const width = heavy ? 3 : 1.8;
  return [
    `<polyline points="${points}" stroke-width="${width}" class="line ${hue}"/>`,
    ...dots,
  ].join('\n');
}

function classes(kind: string): string {
  return kind === '' ? '' : ` class="${kind}"`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
