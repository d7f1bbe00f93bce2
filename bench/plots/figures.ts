/** Which drawings a run gives. */
import {
  BARE_TC,
  BARE_XDP,
  BRIDGE,
  LINEAR,
  NFT,
  type Row,
  type Run,
  SEED,
  spread,
  WALL_GENERIC,
  WALL_TC,
  WALL_XDP,
} from '../results.js';
import { type Bar, bars, type Panel } from './bars.js';
import { lines, type Series } from './lines.js';
import { type Drawing, type Hue, render } from './svg.js';

/** How subjects are shown, in this order. */
const SHOWN: readonly { subject: string; hue: Hue; ours: boolean }[] = [
  { subject: WALL_XDP, hue: 'xdp', ours: true },
  { subject: WALL_GENERIC, hue: 'generic', ours: true },
  { subject: WALL_TC, hue: 'tc', ours: true },
  { subject: BARE_XDP, hue: 'bare', ours: false },
  { subject: BARE_TC, hue: 'bare', ours: false },
  { subject: BRIDGE, hue: 'bridge', ours: false },
  { subject: NFT, hue: 'nft', ours: false },
  { subject: LINEAR, hue: 'linear', ours: false },
  { subject: SEED, hue: 'seed', ours: false },
];
const PACKET = 'CPU time of the receiving port per packet, in nanoseconds: less is better.';

/** Files by name: what the run has rows for. */
export function figures(run: Run): Map<string, string> {
  const made: [string, Drawing | null][] = [
    ['packet.svg', packet(run)],
    ['flows.svg', overSize(run, 'flows', 'established TCP', 'More connections at one time')],
    ['rules.svg', overSize(run, 'rules', 'new TCP', 'More rules: a connection that is opened')],
    [
      'members.svg',
      overSize(run, 'members', 'denied', 'More addresses that are denied: one of them'),
    ],
    ['latency.svg', latency(run)],
  ];
  const drawn = made.flatMap(([name, drawing]) =>
    drawing === null ? [] : [[name, render(drawing)] as const],
  );
  return new Map(drawn);
}

function packet({ rows }: Run): Drawing | null {
  const works: [string, string][] = [
    ['established TCP', 'A packet of an established connection'],
    ['new TCP', 'A packet that opens a connection'],
    ['denied', 'A packet from an address that is denied'],
  ];
  const panels = works.map(([work, title]): Panel => {
    const own = rows.filter((row) => row.experiment === 'traffic' && row.work === work);
    return { title, bars: barsOf(own.map((row) => [row.subject, row.samples])) };
  });
  if (panels.some((panel) => panel.bars.length === 0)) return null;
  const text = (ns: number) => `${ns.toFixed(0)} ns`;
  return bars({ title: 'What a packet costs', subtitle: PACKET, panels, text });
}

function latency({ latencies }: Run): Drawing | null {
  if (latencies.length === 0) return null;
  const panels = [
    { title: 'Half of the frames are faster than', key: 'p50' },
    { title: '99 in a hundred are faster than', key: 'p99' },
  ] as const;
  return bars({
    title: 'How long a frame takes at low load',
    subtitle: 'Microseconds from one end to the other, 20,000 frames a second: less is better.',
    panels: panels.map(({ title, key }) => ({
      title,
      bars: barsOf(latencies.map((one) => [one.subject, one[key].map((ns) => ns / 1000)])),
    })),
    text: (us) => `${us.toFixed(1)} us`,
  });
}

function barsOf(values: readonly (readonly [string, readonly number[]])[]): Bar[] {
  const samples = new Map(values);
  return SHOWN.flatMap(({ subject, hue, ours }) => {
    const own = samples.get(subject);
    if (own === undefined) return [];
    const { median, min, max } = spread(own);
    return [{ label: subject, hue, ours, value: median, range: [min, max] as const }];
  });
}

/** One kind of traffic over what an experiment varies. */
function overSize({ rows, experiments }: Run, name: string, work: string, title: string) {
  const own = rows.filter((row) => row.experiment === name && row.work === work);
  const series = SHOWN.flatMap(({ subject, hue, ours }): Series[] => {
    const points = pointsOf(own.filter((row) => row.subject === subject));
    return points.length < 2 ? [] : [{ label: subject, hue, ours, points }];
  });
  if (series.length === 0) return null;
  const xLabel = experiments.find((one) => one.name === name)?.axis ?? name;
  return lines({ title, subtitle: PACKET, xLabel, yLabel: 'ns', series });
}

function pointsOf(rows: readonly Row[]) {
  const points = rows.map(({ x, samples }) => ({ x, y: spread(samples).median }));
  return points.sort((a, b) => a.x - b.x);
}
