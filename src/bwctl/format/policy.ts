/** What a policy changes, for people. */
import type { ApplyResult, PlanResult, RuleChange, RuleRef } from '../../control/service.js';
import type { Paint } from './paint.js';
import { visible } from './table.js';
import { count, rulePlace, ruleText } from './words.js';

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;
const COLOURS = { added: 'good', removed: 'bad', changed: 'warn' } as const;

/** Lines of a plan: every change, the warnings, a summary. */
export function formatPlan(plan: PlanResult, paint: Paint): string[] {
  return [
    ...plan.changes.flatMap((change) => changeLines(change, paint)),
    ...warningLines(plan, paint),
    plan.differs ? summary(plan) : 'no differences',
  ];
}

/** An apply shows this many changes; `plan` shows them all. */
const CHANGES_SHOWN = 40;

/** Lines of an apply: what changed, the warnings, the generation. */
export function formatApply(applied: ApplyResult, paint: Paint): string[] {
  const { changes, generation, installed } = applied;
  const lines = changes.slice(0, CHANGES_SHOWN).flatMap((change) => changeLines(change, paint));
  const hidden = changes.length - CHANGES_SHOWN;
  if (hidden > 0) lines.push(`  and ${count(hidden, 'change')} more`);
  lines.push(...warningLines(applied, paint));
  if (!installed) return [...lines, `generation ${generation} stays: this policy is installed`];
  const size = `${count(applied.rules, 'rule')}, ${count(applied.hosts, 'host')}`;
  const what = paint('strong', `generation ${generation} installed`);
  return [...lines, `${what}: ${summary(applied)} (${size} in all)`];
}

function changeLines({ kind, before, after }: RuleChange, paint: Paint): string[] {
  const show = (sign: string, rule: RuleRef): string => {
    const text = paint(COLOURS[kind], `${sign} ${ruleText(rule)}`);
    return visible(`${text}  ${paint('dim', rulePlace(rule))}`);
  };
  if (kind === 'changed' && before !== null && after !== null) {
    if (ruleText(before) === ruleText(after)) return [show(SIGNS.changed, after)];
    return [show('~ was', before), show('~ now', after)];
  }
  const rule = after ?? before;
  return rule === null ? [] : [show(SIGNS[kind], rule)];
}

function warningLines({ warnings }: PlanResult, paint: Paint): string[] {
  return warnings.map(({ message, position: { file, line, column } }) =>
    visible(`${file}:${line}:${column}: ${paint('warn', 'warning')}: ${message}`),
  );
}

function summary({ changes }: PlanResult): string {
  const of = (kind: RuleChange['kind']): number => changes.filter((c) => c.kind === kind).length;
  const total = changes.length;
  if (total === 0) return 'no rule changed';
  return `${count(of('added'), 'rule')} added, ${of('removed')} removed, ${of('changed')} changed`;
}
