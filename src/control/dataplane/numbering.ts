/** Numbers that rule ids (counter slots) and dynamic groups (bits) have in the maps. */
export interface Numbering {
  readonly ruleSlots: ReadonlyMap<string, number>;
  readonly groupBits: ReadonlyMap<string, number>;
}

/** Before any policy. */
export const NO_POLICY_NUMBERS: Numbering = { ruleSlots: new Map(), groupBits: new Map() };
