import type { Plan } from '../policy/plan.js';

/** Numbers that rule ids (counter slots) and dynamic groups (bits) have in the maps. */
export interface Numbering {
  readonly ruleSlots: ReadonlyMap<string, number>;
  readonly groupBits: ReadonlyMap<string, number>;
}

/** Before any policy. */
export const NO_POLICY_NUMBERS: Numbering = { ruleSlots: new Map(), groupBits: new Map() };

/** A numbering is not changed once it is made. */
const known = new WeakMap<Numbering['ruleSlots'], { ids: readonly string[]; slots: Uint32Array }>();

/** Slots of the rules of a plan, by their index; 0: it has none. Several ask for the same. */
export function slotsOf({ rules }: Plan, { ruleSlots }: Numbering): Uint32Array {
  const { ids } = rules;
  const found = known.get(ruleSlots);
  if (found?.ids === ids) return found.slots;
  const slots = Uint32Array.from(ids, (id) => ruleSlots.get(id) ?? 0);
  known.set(ruleSlots, { ids, slots });
  return slots;
}
