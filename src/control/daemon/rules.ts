/** Rules as people see them, and back from the slots that the packet path counts them in. */
import { NO_POLICY_NUMBERS, type Numbering } from '../dataplane/numbering.js';
import { optionsText, type Plan, type Rule } from '../policy/index.js';
import type { RuleRef } from '../service.js';

/** A rule as `explain`, `states` and events name it. */
export function ruleRef(rule: Rule): RuleRef {
  return {
    id: rule.id,
    host: rule.host,
    direction: rule.direction,
    service: rule.service,
    peers: rule.peers,
    options: optionsText(rule),
    file: rule.position.file,
    line: rule.position.line,
  };
}

/** Finds the rules of one generation, and of the one that judges in its place should it fail its trial. */
export class RuleIndex {
  readonly #plan: Plan | null;
  readonly #bySlot = new Map<number, Rule>();

  /** @param before of the generation before, when that may judge again: no slot means two rules */
  constructor(
    plan: Plan | null,
    numbering: Numbering = NO_POLICY_NUMBERS,
    before: RuleIndex | null = null,
  ) {
    this.#plan = plan;
    for (const rule of plan?.rules ?? []) {
      const slot = numbering.ruleSlots.get(rule.id);
      // Lines that say the same thing share an id; the first of them speaks for all.
      if (slot !== undefined && !this.#bySlot.has(slot)) this.#bySlot.set(slot, rule);
    }
    for (const [slot, rule] of before?.rules ?? []) {
      if (!this.#bySlot.has(slot)) this.#bySlot.set(slot, rule);
    }
  }

  get rules(): Iterable<[number, Rule]> {
    return this.#bySlot;
  }

  /** The highest slot in use; 0: none is. */
  get highestSlot(): number {
    let highest = 0;
    for (const slot of this.#bySlot.keys()) if (slot > highest) highest = slot;
    return highest;
  }

  rule(slot: number): Rule | undefined {
    return this.#bySlot.get(slot);
  }

  /** The rule counted in a slot; null for slot 0 and for slots of rules that are gone. */
  ref(slot: number): RuleRef | null {
    const rule = this.#bySlot.get(slot);
    return rule === undefined ? null : ruleRef(rule);
  }

  /** Slot of the rule with that id. */
  slotOf(id: string): number | undefined {
    for (const [slot, rule] of this.#bySlot) if (rule.id === id) return slot;
    return undefined;
  }

  id(slot: number): string | null {
    return this.#bySlot.get(slot)?.id ?? null;
  }

  /** The rule of a deny line, by its number. */
  denyLine(line: number): RuleRef | null {
    const rule = this.#plan?.rules[this.#plan.deny[line]?.rule ?? -1];
    return rule === undefined ? null : ruleRef(rule);
  }
}
