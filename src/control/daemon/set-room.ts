/** What the dynamic groups of policies take of the tables of sets. */
import { Limits } from '../../generated/layouts.js';
import type { Numbering } from '../dataplane/index.js';
import type { Plan } from '../policy/index.js';

/**
 * Elements that the groups of these policies may need: one per member, and while a list takes the
 * place of what a group holds, as many again for that one.
 */
export function roomFor(plans: readonly Plan[]): number {
  const max = new Map<string, number>();
  for (const { dynamicGroups } of plans) {
    for (const group of dynamicGroups) {
      max.set(group.name, Math.max(group.max, max.get(group.name) ?? 0));
    }
  }
  const sizes = [...max.values()];
  return sizes.reduce((sum, size) => sum + size, Math.max(0, ...sizes));
}

/** Of groups that are no more: their members would only take room that nobody could free. */
export function unusedBits({ groupBits }: Numbering): number[] {
  const used = new Set(groupBits.values());
  const all = Array.from({ length: Limits.MAX_DYNAMIC_GROUPS }, (_, bit) => bit);
  return all.filter((bit) => !used.has(bit));
}
