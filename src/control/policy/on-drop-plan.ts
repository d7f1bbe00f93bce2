/** What a policy says of `onDrop`, by numbers. */
import type { OnDropStatement, Policy } from './ast.js';
import { PolicyError, quote } from './errors.js';
import { MAX_DENY_LINES } from './lines.js';
import type { OnDrop, PolicyWarning } from './plan.js';
import { type DenyRule, denyRuleId } from './rules.js';

/** Those of `defaults`, and then those of deny lines. */
export function onDropsOf({ onDrop, deny }: Pick<Policy, 'onDrop' | 'deny'>): OnDropStatement[] {
  return [...onDrop, ...deny.flatMap((line) => line.onDrop ?? [])];
}

/**
 * The addresses that one spares are told by a bit among those of deny lines, which no line uses.
 * @param indices of the dynamic groups among peers
 * @throws PolicyError when no bit is left
 */
export function planOnDrops(
  policy: Policy,
  denyRules: readonly DenyRule[],
  indices: (peers: OnDropStatement['except']) => readonly number[],
): OnDrop[] {
  const names = [...policy.groups.values()].filter(({ dynamic }) => dynamic !== null);
  const lineOf = new Map<OnDropStatement, number>();
  for (const line of policy.deny) {
    // Of equal lines the first one stands for all.
    const id = denyRuleId(line);
    const index = denyRules.findIndex(({ rule }) => rule.id === id);
    if (line.onDrop !== null) lineOf.set(line.onDrop, index);
  }
  return onDropsOf(policy).map(({ group, except, ...rest }, i) => {
    const exemptBit = denyRules.length + i;
    if (exemptBit >= MAX_DENY_LINES) {
      const problem = `deny lines and onDrop are more than ${MAX_DENY_LINES} together`;
      throw new PolicyError('too-large', rest.position, problem, 'merge some deny lines');
    }
    return {
      group: names.findIndex(({ name }) => name === group),
      exemptBit,
      exemptGroups: indices(except),
      line: lineOf.get(onDropsOf(policy)[i]!) ?? null,
      ...rest,
    };
  });
}

/** Groups that no line names: whoever is put there is as free as before. */
export function idleGroups(policy: Policy): PolicyWarning[] {
  const drops = onDropsOf(policy);
  if (drops.length === 0) return [];
  const used = new Set<string>();
  const lists = [
    ...policy.deny.flatMap(({ from, to }) => [from ?? [], to ?? []]),
    ...policy.lines.map(({ peers }) => peers),
    ...[...policy.matrix, ...policy.transit].flatMap(({ from, to }) => [from, to]),
  ];
  for (const item of lists.flat()) if (item.kind === 'group') used.add(item.name);
  return drops
    .filter(({ group }) => !used.has(group))
    .map(({ group, position }) => ({
      message: `no line names ${quote(group)}: who is put into it is not denied anything`,
      position,
    }));
}
