/** Counters, for people. */
import type { CountersResult, CounterTotals, RuleCounters } from '../../control/service.js';
import type { Paint } from './paint.js';
import { type Column, table } from './table.js';
import { duration, rulePlace, ruleText } from './words.js';

/** What becomes of frames; the columns of `totalsRow`. */
export const TOTALS_COLUMNS: readonly Column[] = [
  'RX',
  'FORWARDED',
  'PASSED',
  'ANSWERED',
  'DROPPED',
  'TX FAILED',
  'LOG SUPPRESSED',
  'LOG LOST',
].map((title) => ({ title, align: 'right' }));

/** One row of `TOTALS_COLUMNS`. */
export function totalsRow(totals: CounterTotals): string[] {
  const dropped = Object.values(totals.dropped).reduce((sum, n) => sum + n, 0);
  const { rx, forwarded, passed, answered, txFailed, logSuppressed, logLost } = totals;
  return [rx, forwarded, passed, answered, dropped, txFailed, logSuppressed, logLost].map(String);
}

/** What passed by way of exception, and sessions that were lost; no line for what did not. */
export function formatExceptions({
  outOfWindowPassed,
  pickedUp,
  sessionsLost,
}: CounterTotals): string[] {
  const lines: [string, number][] = [
    ['TCP segments out of window that passed (state.liberal)', outOfWindowPassed],
    ['TCP connections picked up mid-stream (defaults.pickup)', pickedUp],
    ['sessions of which nothing was told', sessionsLost],
  ];
  return lines.filter(([, count]) => count > 0).map(([what, count]) => `${what}: ${count}`);
}

/** Drops by reason, most frequent first; no line when there are none. */
export function formatDropped(
  totals: CounterTotals,
  reasons: Readonly<Record<string, string>>,
  paint: Paint,
): string[] {
  const rows = Object.entries(totals.dropped)
    .filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, n]) => [reason, String(n), reasons[reason] ?? '']);
  if (rows.length === 0) return [];
  const explained = rows.some(([, , text]) => text !== '');
  const columns: Column[] = [{ title: 'DROPPED FOR' }, { title: 'FRAMES', align: 'right' }];
  if (explained) columns.push({ title: 'WHICH MEANS' });
  return table(columns, explained ? rows : rows.map((row) => row.slice(0, 2)), paint);
}

/** Lines of all counters: of the node unless one `port` is named, of rules if `rules` is set. */
export function formatCounters(
  counters: CountersResult,
  shown: { rules: boolean; port: string },
  paint: Paint,
): string[] {
  const { ports, reasons } = counters;
  const rows = Object.entries(ports).map(([name, totals]) => [name, ...totalsRow(totals)]);
  if (shown.port === '') rows.push(['all', ...totalsRow(counters.total)]);
  const columns = [{ title: 'PORT' }, ...TOTALS_COLUMNS];
  const totals = shown.port === '' ? counters.total : ports[shown.port];
  const dropped = totals === undefined ? [] : formatDropped(totals, reasons, paint);
  const sections = [
    table(columns, rows, paint),
    dropped,
    totals === undefined ? [] : formatExceptions(totals),
    shown.rules ? ruleLines(counters.rules, paint) : [],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
}

function ruleLines(rules: readonly RuleCounters[], paint: Paint): string[] {
  const columns: Column[] = [
    { title: 'PACKETS', align: 'right' },
    { title: 'BYTES', align: 'right' },
    { title: 'CONNECTIONS', align: 'right' },
    { title: 'LAST HIT', align: 'right' },
    { title: 'RULE' },
    { title: 'WHERE' },
  ];
  const rows = rules.map(({ rule, packets, bytes, connections, idle }) => [
    String(packets),
    String(bytes),
    String(connections),
    idle === null ? 'never' : `${duration(idle)} ago`,
    ruleText(rule),
    rulePlace(rule),
  ]);
  return table(columns, rows, paint);
}
