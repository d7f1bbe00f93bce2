import { atOnce, type Sliced } from '../slices.js';
import { bindingText, UNBOUND } from './bindings.js';
import { limitText, NO_LIMIT } from './limits.js';
import type { Plan, Rule } from './plan.js';
import { contentKey } from './rule-id.js';

export interface RuleDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before: Rule | null;
  readonly after: Rule | null;
}

/** What may hold so many connections, and how many: texts, '' for without a limit. */
export interface LimitDifference {
  /** `every source`, `host www`. */
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

/** Where a host may speak from, as a policy writes it; '' for anywhere. */
export interface BindingDifference {
  readonly host: string;
  readonly before: string;
  readonly after: string;
}

/** Hosts that a new plan binds otherwise than another one. A host that is new is bound to nothing before. */
export function diffBindings(before: Plan | null, after: Plan): BindingDifference[] {
  const old = new Map((before?.hosts ?? []).map(({ name, binding }) => [name, binding]));
  return after.hosts
    .map(({ name, binding }) => {
      const was = old.get(name) ?? UNBOUND;
      return { host: name, before: bindingText(was), after: bindingText(binding) };
    })
    .filter((one) => one.before !== one.after);
}

/** What a new plan does to the limits of another one. Hosts that only one of them has are no difference. */
export function diffLimits(before: Plan | null, after: Plan): LimitDifference[] {
  const old = new Map((before?.hosts ?? []).map(({ name, limit }) => [name, limit]));
  const pairs = after.hosts.flatMap(({ name, limit }) => {
    const was = before === null ? NO_LIMIT : old.get(name);
    return was === undefined ? [] : [[`host ${name}`, was, limit] as const];
  });
  const source = ['every source', before?.sourceLimit ?? NO_LIMIT, after.sourceLimit] as const;
  return [source, ...pairs]
    .map(([what, was, is]) => ({ what, before: limitText(was), after: limitText(is) }))
    .filter((one) => one.before !== one.after);
}

/** Rules looked at between two yields. */
const SLICE = 1024;

/**
 * What a new plan does to the rules of another one. A rule with the same id and other content is
 * changed; so is one that went while one came for the same host, direction and service. Rules that
 * only moved are no difference. In the order of the new file, removed ones last.
 */
export function diffRules(before: Plan | null, after: Plan): RuleDifference[] {
  return atOnce(differences(before, after));
}

/** The same in slices. */
export function* differences(before: Plan | null, after: Plan): Sliced<RuleDifference[]> {
  const old = new Map((before?.rules ?? []).map((rule) => [rule.id, rule]));
  yield;
  const kept = new Set<string>();
  for (const rule of after.rules) if (old.has(rule.id)) kept.add(rule.id);
  yield;
  const gone = new Map<string, Rule[]>();
  for (const rule of old.values()) {
    if (kept.has(rule.id)) continue;
    const place = placeKey(rule);
    const list = gone.get(place);
    if (list === undefined) gone.set(place, [rule]);
    else list.push(rule);
  }
  const found: RuleDifference[] = [];
  for (const [i, rule] of after.rules.entries()) {
    if (i % SLICE === 0) yield;
    const same = old.get(rule.id);
    if (same !== undefined) {
      if (contentKey(same) !== contentKey(rule)) {
        found.push({ kind: 'changed', before: same, after: rule });
      }
      continue;
    }
    const replaced = gone.get(placeKey(rule))?.shift() ?? null;
    const kind = replaced === null ? 'added' : 'changed';
    found.push({ kind, before: replaced, after: rule });
  }
  for (const rules of gone.values()) {
    for (const rule of rules) found.push({ kind: 'removed', before: rule, after: null });
  }
  return found;
}

function placeKey(rule: Rule): string {
  return [rule.direction, rule.host, rule.service].join('\n');
}
