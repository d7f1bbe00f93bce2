/** One run as text: Markdown that also reads well on a terminal. */
import { goals } from './goals.js';
import {
  BRIDGE,
  type Experiment,
  find,
  type Row,
  type Run,
  ratio,
  type Spread,
  spread,
} from './results.js';

/** The report of a run. */
export function report(run: Run): string {
  const { machine } = run;
  const changed = machine.changed ? ' with changes' : '';
  return [
    '# What a packet costs',
    '',
    `${run.date}, commit ${machine.commit}${changed}, kernel ${machine.kernel}, ${machine.cpu},`,
    `${machine.cores} cores, ${machine.memoryGiB} GiB. Load before the run: ${run.loadBefore.toFixed(1)}.`,
    `${run.repetitions} repetitions of ${run.milliseconds} ms each, side by side, in ${Math.round(run.seconds)} s.`,
    '',
    '## What we hold ourselves to',
    '',
    'Ratios, median (min-max).',
    '',
    goalTable(run),
    'Below: nanoseconds of CPU time per packet, at the port that receives it, median (min-max).',
    '',
    ...run.experiments.flatMap((experiment) => section(run, experiment)),
    ...latencyTable(run),
    ...coresTable(run),
    ...memoryTable(run),
    '## Programs and policies',
    '',
    'Instructions that the verifier walked, all paths of the program together.',
    '',
    table(
      ['program', 'instructions'],
      run.programs.map(({ subject, instructions }) => [subject, number(instructions)]),
    ),
    'Policies: milliseconds to compile, and to install into each wall.',
    '',
    table(
      ['rules', 'hosts', 'compile', 'install'],
      run.policies.map(({ rules, hosts, compileMs, installMs }) => [
        number(rules),
        number(hosts),
        compileMs.toFixed(0),
        installMs.length === 0 ? '' : spreadText(spread(installMs), 0),
      ]),
    ),
    ...list('Not measured:', run.gaps),
    ...list('Failed:', run.failures),
  ].join('\n');
}

function goalTable(run: Run): string {
  return table(
    ['ratio', 'at most', 'measured', ''],
    goals(run).map(({ text, most, measured, reached }) => [
      text,
      most.toFixed(3),
      spreadText(measured, 3),
      reached ? 'reached' : 'missed',
    ]),
  );
}

function section(run: Run, experiment: Experiment): string[] {
  const rows = run.rows.filter((row) => row.experiment === experiment.name);
  if (rows.length === 0) return [];
  const head = [`## ${experiment.title}`, ''];
  const costs = crossed(rows, experiment, (row) => spreadText(spread(row.samples), 0));
  if (experiment.axis !== null || find(rows, { ...rows[0]!, subject: BRIDGE }) === undefined) {
    return [...head, costs];
  }
  const ratios = crossed(rows, experiment, (row) => {
    const bridge = find(rows, { ...row, subject: BRIDGE });
    return bridge === undefined ? '' : ratio(row, bridge).median.toFixed(2);
  });
  return [
    ...head,
    costs,
    'The same as a ratio to the kernel bridge without a firewall.',
    '',
    ratios,
  ];
}

/** Subjects down, traffic across. */
function crossed(rows: readonly Row[], { axis }: Experiment, cell: (row: Row) => string): string {
  const works = [...new Set(rows.map((row) => row.work))];
  const subjects = [...new Set(rows.map((row) => row.subject))];
  const lines = subjects.flatMap((subject) => {
    const own = rows.filter((row) => row.subject === subject);
    const sizes = [...new Set(own.map(({ x }) => x))].sort((a, b) => a - b);
    return sizes.map((x) => [
      subject,
      ...(axis === null ? [] : [number(x)]),
      ...works.map((work) => {
        const row = own.find((one) => one.x === x && one.work === work);
        return row === undefined ? '' : cell(row);
      }),
    ]);
  });
  return table(['', ...(axis === null ? [] : [axis]), ...works], lines);
}

function latencyTable({ latencies }: Run): string[] {
  if (latencies.length === 0) return [];
  const cells = latencies.map(({ subject, p50, p99, p999, frames }) => [
    subject,
    ...[p50, p99, p999].map((ns) => spreadText(scaled(spread(ns)), 1)),
    number(frames),
  ]);
  return [
    '## Latency at low load',
    '',
    'Microseconds from the source to the sink, 20,000 frames a second: median (min-max) of the repetitions.',
    '',
    table(['', 'p50', 'p99', 'p99.9', 'frames'], cells),
  ];
}

function coresTable({ cores }: Run): string[] {
  if (cores.length === 0) return [];
  const lines = cores.map(({ work, alone, apart, shared }) => [
    work,
    ...[alone, apart, shared].map((ns) => spreadText(spread(ns), 0)),
    spreadText(spread(apart.map((ns, i) => ns / shared[i]!)), 2),
  ]);
  const heads = ['one core', 'two, a wall each', 'two, one wall', 'efficiency'];
  return [
    '## Two cores against one',
    '',
    'Wall, native XDP: nanoseconds of a packet while the other core rests, works for another wall, works for the same wall.',
    'Efficiency: what sharing a wall leaves of two cores. The sources share those cores, so compare no figure with those above.',
    '',
    table(['', ...heads], lines),
  ];
}

function memoryTable({ memory }: Run): string[] {
  if (memory === null) return [];
  const { perState, perRule, fixed } = memory;
  return [
    '## Memory',
    '',
    'Of BPF maps, in bytes: for every connection that there is room for, used or not, with its share of the half-open; for every rule; for the rest.',
    '',
    table(
      ['connection', 'rule', 'rest'],
      [[perState.toFixed(0), perRule.toFixed(0), number(Math.round(fixed))]],
    ),
  ];
}

function scaled({ median, min, max }: Spread): Spread {
  return { median: median / 1000, min: min / 1000, max: max / 1000 };
}

function list(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [head, '', ...lines.map((line) => `- ${line}`), ''];
}

function spreadText({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((_, at) =>
    Math.max(3, ...[head, ...lines].map((line) => line[at]!.length)),
  );
  const row = (line: readonly string[]) =>
    `| ${line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join(' | ')} |`;
  const rule = widths.map((width, at) =>
    at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return `${[row(head), row(rule), ...lines.map(row)].join('\n')}\n`;
}
