/** The result as pictures for the terminal: the slide's matrix, and aquilante's two files. Pure. */
import {
  type Probe,
  SLIDE_ACTORS,
  type SlideActor,
  type SlideWord,
  slidePairs,
  slideWord,
} from './expected.js';
import type { Judged } from './judge.js';
import { ACTORS, type ActorName, isServiceName, serviceSpec } from './site.js';

/** Paints good and bad; the plain one leaves text alone. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
}

export const PLAIN: Paint = { good: (t) => t, bad: (t) => t, faint: (t) => t };

export const COLOUR: Paint = {
  good: (t) => `\x1b[32m${t}\x1b[0m`,
  bad: (t) => `\x1b[1;31m${t}\x1b[0m`,
  faint: (t) => `\x1b[2m${t}\x1b[0m`,
};

/** A cell: its text, and how it is painted. */
interface Cell {
  readonly lines: readonly string[];
  readonly tone: 'good' | 'bad' | 'faint';
}

const EMPTY: Cell = { lines: [''], tone: 'faint' };

/** One cell of the slide as observed: the word, whether it is right, and what was open. */
export interface SlideCell {
  readonly expected: SlideWord;
  readonly observed: SlideWord;
  readonly ok: boolean;
  readonly open: readonly Probe[];
  readonly tried: number;
}

function between(judged: readonly Judged[], from: ActorName, to: ActorName): Judged[] {
  return judged.filter((j) => j.tried.attempt.from === from && j.tried.attempt.to === to);
}

/** Works out a cell from what was tried between its actors. */
export function slideCell(
  judged: readonly Judged[],
  expected: SlideWord,
  pairs: readonly (readonly [ActorName, ActorName])[],
): SlideCell {
  const of = pairs.map(([from, to]) => between(judged, from, to));
  const everyone = of[0] ?? [];
  const partners = of[1] ?? [];
  const all = of.flat();
  const open = (some: readonly Judged[]) => some.some((j) => j.open);
  const unscreened = all.every((j) => j.observed === 'not-screened');
  const shut: SlideWord = unscreened ? 'NA' : 'block';
  const observed = open(everyone) ? 'allow' : open(partners) ? 'limited' : shut;
  return {
    expected,
    observed,
    ok: all.length > 0 && observed === expected && all.every((j) => j.ok),
    open: [...new Set(all.filter((j) => j.open).map((j) => j.tried.attempt.probe))],
    tried: all.length,
  };
}

/** `25 465 587`, `53`, `22 ping`; tcp and udp of one port are one number. */
export function shortProbes(probes: readonly Probe[]): string {
  const ports = probes.filter(isServiceName).map((probe) => serviceSpec(probe).port);
  const unique = [...new Set(ports)].sort((a, b) => a - b).map(String);
  return [...unique, ...(probes.includes('ping') ? ['ping'] : [])].join(' ');
}

function paintCell(cell: SlideCell, everything: boolean): Cell {
  const mark = cell.ok ? '✓' : '✗';
  const head = `${cell.observed} ${mark}`;
  const tone = cell.ok ? 'good' : 'bad';
  if (cell.observed !== cell.expected) return { lines: [head, `want ${cell.expected}`], tone };
  const open = everything ? 'all' : shortProbes(cell.open);
  return { lines: [head, ...wrap(open, 10)], tone };
}

/** Breaks a text between words into lines of at most `width` characters where the words allow it. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The slide, with what was observed in each cell. The last row is the management box's. */
export function slidePicture(judged: readonly Judged[], paint: Paint = PLAIN): string {
  const header = ['SRC \\ DST', ...SLIDE_ACTORS.map((name) => ACTORS[name].title)];
  const rows = SLIDE_ACTORS.map((from) => ({
    title: ACTORS[from].title,
    cells: SLIDE_ACTORS.map((to) => {
      const word = slideWord(from, to);
      if (word === '') return EMPTY;
      const cell = slideCell(judged, word, slidePairs(from, to));
      return paintCell(cell, from === 'intranet' && to === 'extranet');
    }),
  }));
  const servers: readonly SlideActor[] = ['dns', 'mail', 'www', 'auth', 'mbox'];
  rows.push({
    title: ACTORS.mgmt.title,
    cells: SLIDE_ACTORS.map((to) =>
      servers.includes(to) ? paintCell(slideCell(judged, 'allow', [['mgmt', to]]), false) : EMPTY,
    ),
  });
  return table(header, rows, paint);
}

/** A line of one of aquilante's files: the service, and the group as it is written there. */
export type FileLine = readonly [Probe, string];

export const AQUILANTE_IN: readonly FileLine[] = [
  ['25/tcp', 'any'],
  ['465/tcp', 'any'],
  ['587/tcp', 'any'],
  ['80/tcp', 'local'],
  ['443/tcp', 'local'],
  ['22/tcp', 'mgmt'],
  ['5000/tcp', 'mgmt'],
  ['9102/tcp', 'backupC'],
  ['12865/tcp', 'local'],
  ['1812/udp', 'radiusC'],
  ['3306/tcp', '(no line)'],
  ['445/tcp', '(deny)'],
];

export const AQUILANTE_OUT: readonly FileLine[] = [
  ['25/tcp', 'any'],
  ['443/tcp', 'any'],
  ['80/tcp', 'any'],
  ['53/tcp', 'bindSrv'],
  ['53/udp', 'bindSrv'],
  ['123/udp', 'ntpSrv'],
  ['88/udp', 'krbSrv'],
  ['389/tcp', 'ldapSrv'],
  ['636/tcp', 'ldapSrv'],
  ['9103/tcp', 'backupSrv'],
  ['514/udp', 'logSrv'],
  ['1812/udp', 'radiusSrv'],
  ['22/tcp', '(no line)'],
];

const IN_PEERS: readonly ActorName[] = [
  ...(['extranet', 'capetto', 'intranet', 'mgmt', 'director'] as const),
  ...(['dns', 'mail', 'www', 'auth', 'mbox'] as const),
];

const OUT_PEERS: readonly ActorName[] = [
  ...(['extranet', 'intranet', 'dns', 'mail', 'www', 'auth', 'mbox'] as const),
  ...(['ntp', 'storage', 'syslog', 'capetto'] as const),
];

/** aquilante's `in` or `out` file, a column for each machine at the other end. */
export function aquilantePicture(
  judged: readonly Judged[],
  direction: 'in' | 'out',
  paint: Paint = PLAIN,
): string {
  const [lines, peers] = direction === 'in' ? [AQUILANTE_IN, IN_PEERS] : [AQUILANTE_OUT, OUT_PEERS];
  const header = [
    direction === 'in' ? 'aquilante in' : 'aquilante out',
    ...peers.map((p) => ACTORS[p].title),
  ];
  const rows = lines.map(([probe, group]) => ({
    title: `${probe.padEnd(9)} ${group}`,
    cells: peers.map((peer): Cell => {
      const [from, to] =
        direction === 'in' ? [peer, 'aquilante' as const] : ['aquilante' as const, peer];
      const some = between(judged, from, to).filter((j) => j.tried.attempt.probe === probe);
      if (some.length === 0) return EMPTY;
      const ok = some.every((j) => j.ok);
      const open = some.some((j) => j.open);
      const text = `${open ? 'open' : '-'} ${ok ? '✓' : '✗'}`;
      return { lines: [text], tone: ok ? (open ? 'good' : 'faint') : 'bad' };
    }),
  }));
  return table(header, rows, paint);
}

function table(
  header: readonly string[],
  rows: readonly { title: string; cells: readonly Cell[] }[],
  paint: Paint,
): string {
  const widths = header.map((title, column) =>
    Math.max(
      title.length,
      ...rows.flatMap((row) =>
        column === 0
          ? [row.title.length]
          : (row.cells[column - 1]?.lines ?? []).map((line) => line.length),
      ),
    ),
  );
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const line = (texts: readonly string[], tones: readonly (Cell['tone'] | null)[]) =>
    `│${texts
      .map((text, i) => {
        const padded = ` ${text.padEnd(widths[i] ?? 0)} `;
        const tone = tones[i];
        return tone ? paint[tone](padded) : padded;
      })
      .join('│')}│`;
  const out = [rule('┌', '┬', '┐'), line(header, []), rule('├', '┼', '┤')];
  for (const row of rows) {
    const height = Math.max(...row.cells.map((cell) => cell.lines.length));
    for (let i = 0; i < height; i++) {
      const texts = [i === 0 ? row.title : '', ...row.cells.map((cell) => cell.lines[i] ?? '')];
      out.push(line(texts, [null, ...row.cells.map((cell) => cell.tone)]));
    }
  }
  out.push(rule('└', '┴', '┘'));
  return out.join('\n');
}
