/** What a policy changes, for people. */
import type {
  ApplyResult,
  BindingChange,
  LimitChange,
  PlanResult,
  RuleChange,
  RuleRef,
} from '../../control/service.js';
import type { Paint } from './paint.js';
import { visible } from './table.js';
import { count, duration, rulePlace, ruleText } from './words.js';

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;
const COLOURS = { added: 'good', removed: 'bad', changed: 'warn' } as const;

/** Lines of a plan: every change, the warnings, a summary. */
export function formatPlan(plan: PlanResult, paint: Paint): string[] {
  return [
    ...plan.changes.flatMap((change) => changeLines(change, paint)),
    ...limitLines(plan.limits, paint),
    ...bindingLines(plan.bindings, paint),
    ...packetLines(plan, paint),
    ...warningLines(plan, paint),
    ...(plan.differs ? [changeSummary(plan.changes), ...cutLines(plan, 'would end', paint)] : []),
    ...(plan.differs ? [] : ['no differences']),
  ];
}

/** Lines of an apply that installs nothing. */
export function formatDryRun(applied: ApplyResult, paint: Paint): string[] {
  return [...formatPlan(applied, paint), `generation ${applied.generation} stays: a dry run`];
}

/** What packets the policy opens and closes, which its lines alone do not tell. */
function packetLines({ packets, packetsMore }: PlanResult, paint: Paint): string[] {
  const lines = packets.map(({ kind, direction, host, services, peers, to }) => {
    const subject = host === '' ? direction : `${host} ${direction}`;
    const other = `${direction === 'out' ? 'to' : 'from'} ${peers.join(', ')}`;
    const onward = to.length > 0 ? ` to ${to.join(', ')}` : '';
    const colour = kind === 'opened' ? 'good' : 'bad';
    return visible(
      `${paint(colour, kind === 'opened' ? 'opens ' : 'closes')} ${subject} ${services.join(', ')} ${other}${onward}`,
    );
  });
  if (packetsMore === 0) return lines;
  const classes = packetsMore === 1 ? 'class' : 'classes';
  return [...lines, `and ${packetsMore} packet ${classes} more`];
}

function cutLines({ statesCut }: PlanResult, verb: string, paint: Paint): string[] {
  if (statesCut === 0) return [];
  return [paint('warn', `${count(statesCut, 'live connection')} ${verb}`)];
}

/** An apply shows this many changes; `plan` shows them all. */
const CHANGES_SHOWN = 40;

/** Lines of an apply: what changed, the warnings, the generation. */
export function formatApply(applied: ApplyResult, paint: Paint): string[] {
  const { changes, generation, installed } = applied;
  const lines = changes.slice(0, CHANGES_SHOWN).flatMap((change) => changeLines(change, paint));
  const hidden = changes.length - CHANGES_SHOWN;
  if (hidden > 0) lines.push(`  and ${count(hidden, 'change')} more`);
  lines.push(...limitLines(applied.limits, paint), ...bindingLines(applied.bindings, paint));
  lines.push(...warningLines(applied, paint));
  if (!installed) return [...lines, `generation ${generation} stays: this policy is installed`];
  const size = `${count(applied.rules, 'rule')}, ${count(applied.hosts, 'host')}`;
  const what = paint('strong', `generation ${generation} installed`);
  return [
    ...lines,
    `${what}: ${changeSummary(changes)} (${size} in all)`,
    ...cutLines(applied, `${applied.statesCut === 1 ? 'ends' : 'end'}`, paint),
    ...confirmLines(applied, paint),
  ];
}

function confirmLines({ confirm }: ApplyResult, paint: Paint): string[] {
  if (confirm === null) return [];
  const { deadline, fallback } = confirm;
  const what = `generation ${fallback} comes back in ${duration(deadline)} unless you run`;
  return [`${paint('warn', what)} bwctl confirm`];
}

/** A change of a rule: one line, or what it was and what it is. */
export function changeLines({ kind, before, after }: RuleChange, paint: Paint): string[] {
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

/** `~ limits of host www: 1000 states -> 2000 states, 50/s`. */
export function limitLines(limits: readonly LimitChange[], paint: Paint): string[] {
  const text = (limit: string): string => (limit === '' ? 'none' : limit);
  return limits.map(({ what, before, after }) =>
    visible(paint('warn', `~ limits of ${what}: ${text(before)} -> ${text(after)}`)),
  );
}

/** `~ host www speaks from: anywhere -> vlan: 10, port: dn0`. */
export function bindingLines(bindings: readonly BindingChange[], paint: Paint): string[] {
  const text = (binding: string): string => (binding === '' ? 'anywhere' : binding);
  return bindings.map(({ host, before, after }) =>
    visible(paint('warn', `~ host ${host} speaks from: ${text(before)} -> ${text(after)}`)),
  );
}

function warningLines({ warnings }: PlanResult, paint: Paint): string[] {
  return warnings.map(({ message, position: { file, line, column } }) =>
    visible(`${file}:${line}:${column}: ${paint('warn', 'warning')}: ${message}`),
  );
}

/** `2 rules added, 0 removed, 1 changed`. */
export function changeSummary(changes: readonly RuleChange[]): string {
  const of = (kind: RuleChange['kind']): number => changes.filter((c) => c.kind === kind).length;
  const total = changes.length;
  if (total === 0) return 'no rule changed';
  return `${count(of('added'), 'rule')} added, ${of('removed')} removed, ${of('changed')} changed`;
}
