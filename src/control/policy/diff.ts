import { atOnce, type Sliced } from '../slices.js';
import { bindingText, UNBOUND } from './bindings.js';
import { limitText, NO_LIMIT } from './limits.js';
import type { Plan, Rule } from './plan.js';
import type { RuleTable } from './rule-table.js';

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
  const changes = yield* ruleChanges(before, after);
  const found: RuleDifference[] = [];
  for (const [i, { kind, before: old, after: now }] of changes.entries()) {
    if (i % SLICE === 0) yield;
    found.push({
      kind,
      before: old === NONE ? null : before!.rules.at(old),
      after: now === NONE ? null : after.rules.at(now),
    });
  }
  return found;
}

/** No rule. */
const NONE = -1;

/** A difference by where its rules stand in the tables of their plans; NONE: there is none. */
interface Change {
  readonly kind: RuleDifference['kind'];
  readonly before: number;
  readonly after: number;
}

function* ruleChanges(before: Plan | null, { rules }: Plan): Sliced<Change[]> {
  const found: Change[] = [];
  const add = (kind: Change['kind'], old: number, now: number): void => {
    found.push({ kind, before: old, after: now });
  };
  if (before === null) {
    for (let i = 0; i < rules.length; i++) add('added', NONE, i);
    return found;
  }
  const old = before.rules;
  const places = new Map<string, number>();
  for (let i = 0; i < old.length; i++) places.set(old.ids[i]!, i);
  yield;
  const kept = new Uint8Array(old.length);
  const sames = new Int32Array(rules.length);
  for (let i = 0; i < rules.length; i++) {
    const same = places.get(rules.ids[i]!) ?? NONE;
    sames[i] = same;
    if (same !== NONE) kept[same] = 1;
  }
  yield;
  const gone = new Map<string, number[]>();
  for (let i = 0; i < old.length; i++) {
    if (kept[i] !== 0) continue;
    const place = placeKey(old, i);
    const list = gone.get(place);
    if (list === undefined) gone.set(place, [i]);
    else list.push(i);
  }
  for (let i = 0; i < rules.length; i++) {
    if (i % SLICE === 0) yield;
    const same = sames[i]!;
    if (same !== NONE) {
      if (!rules.sameContent(i, old, same)) add('changed', same, i);
      continue;
    }
    const replaced = gone.size === 0 ? NONE : (gone.get(placeKey(rules, i))?.shift() ?? NONE);
    add(replaced === NONE ? 'added' : 'changed', replaced, i);
  }
  for (const list of gone.values()) for (const i of list) add('removed', i, NONE);
  return found;
}

function placeKey(rules: RuleTable, i: number): string {
  const { direction, host, service } = rules.at(i);
  return [direction, host, service].join('\n');
}
