/** The history of a node, for people. */
import type { Caller, HistoryEntry, PolicyDifference } from '../../control/service.js';
import type { Paint } from './paint.js';
import { bindingLines, changeLines, changeSummary, limitLines } from './policy.js';
import { table } from './table.js';

const DIGEST_SHOWN = 12;

/** Lines of the list of generations. */
export function formatHistory(entries: readonly HistoryEntry[], paint: Paint): string[] {
  if (entries.length === 0) return ['no policy was ever applied'];
  return table(
    [
      { title: 'GENERATION', align: 'right' },
      { title: '' },
      { title: 'WHEN' },
      { title: 'WHO' },
      { title: 'RULES', align: 'right' },
      { title: 'DIGEST' },
      { title: 'WHY' },
    ],
    entries.map((entry) => [
      String(entry.generation),
      mark(entry, paint),
      entry.at,
      entry.received ? `${callerText(entry.who)} on ${entry.origin.node}` : callerText(entry.who),
      String(entry.rules),
      entry.digest.slice(0, DIGEST_SHOWN),
      entry.why,
    ]),
    paint,
  );
}

function mark({ current, confirmed }: HistoryEntry, paint: Paint): string {
  if (current) return confirmed ? paint('good', 'current') : paint('warn', 'to be confirmed');
  return confirmed ? '' : paint('dim', 'not confirmed');
}

/** `alice (uid 0)`. */
export function callerText({ user, uid }: Caller): string {
  return uid === null ? user : `${user} (uid ${uid})`;
}

/** Lines of what differs between two generations. */
export function formatDifference(difference: PolicyDifference, paint: Paint): string[] {
  const { from, to, differs, changes, limits, bindings } = difference;
  if (!differs) return ['no differences'];
  const rules = changes.flatMap((change) => changeLines(change, paint));
  const lines = [...rules, ...limitLines(limits, paint), ...bindingLines(bindings, paint)];
  if (lines.length > 0) return [...lines, changeSummary(changes)];
  return [
    from.digest === to.digest ? 'only the text differs' : 'no rule differs, groups or defaults do',
  ];
}
