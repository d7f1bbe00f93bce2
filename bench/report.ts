/** One run as text: Markdown that also reads well on a terminal. */
import { BRIDGE, find, goals, type Row, type Run, ratio, type Spread, spread } from './results.js';

/** The report of a run. */
export function report(run: Run): string {
  const { machine } = run;
  const changed = machine.changed ? ' with changes' : '';
  const minutes = `${Math.round(run.seconds)} s`;
  return [
    '# What a packet costs',
    '',
    `${run.date}, commit ${machine.commit}${changed}, kernel ${machine.kernel}, ${machine.cpu},`,
    `${machine.cores} cores, ${machine.memoryGiB} GiB. Load before the run: ${run.loadBefore.toFixed(1)}.`,
    `${run.repetitions} repetitions of ${run.milliseconds} ms each, side by side, in ${minutes}.`,
    '',
    'Nanoseconds of CPU time per packet of 60 bytes, at the port that receives it: median (min-max).',
    '',
    costs(run),
    'The same as a ratio to the kernel bridge without a firewall.',
    '',
    ratios(run),
    'What we hold ourselves to: ratios, median (min-max).',
    '',
    table(
      ['ratio', 'at most', 'measured', ''],
      goals(run).map(({ text, most, measured, reached }) => [
        text,
        most.toFixed(3),
        spreadText(measured, 3),
        reached ? 'reached' : 'missed',
      ]),
    ),
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
        spreadText(spread(installMs), 0),
      ]),
    ),
  ].join('\n');
}

function costs(run: Run): string {
  return crossed(run, (row) => spreadText(spread(row.samples), 0));
}

function ratios(run: Run): string {
  return crossed(run, (row) => {
    const bridge = find(run.rows, BRIDGE, 0, row.work);
    return bridge === undefined ? '' : ratio(row, bridge).median.toFixed(2);
  });
}

/** Subjects down, traffic across. */
function crossed(run: Run, cell: (row: Row) => string): string {
  const works = [...new Set(run.rows.map((row) => row.work))];
  const subjects = new Map(run.rows.map((row) => [`${row.subject} ${row.rules}`, row]));
  const lines = [...subjects.values()].map(({ subject, rules }) => [
    subject,
    rules === 0 ? '' : number(rules),
    ...works.map((work) => {
      const row = find(run.rows, subject, rules, work);
      return row === undefined ? '' : cell(row);
    }),
  ]);
  return table(['', 'rules', ...works], lines);
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
