/** Rules as people see them, and back from the slots that the packet path counts them in. */
import { NO_POLICY_NUMBERS, type Numbering, slotsOf } from '../dataplane/numbering.js';
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
  readonly #before: RuleIndex | null;
  /** By slot: where its rule stands in the plan, plus 1; 0: it is not one of the plan's. */
  readonly #places: Uint32Array;
  /** By rule. */
  readonly #slots: Uint32Array;

  /** @param before of the generation before, when that may judge again: no slot means two rules */
  constructor(
    plan: Plan | null,
    numbering: Numbering = NO_POLICY_NUMBERS,
    before: RuleIndex | null = null,
  ) {
    this.#plan = plan;
    this.#before = before;
    this.#slots = plan === null ? new Uint32Array(0) : slotsOf(plan, numbering);
    let highest = 0;
    for (const slot of this.#slots) if (slot > highest) highest = slot;
    this.#places = new Uint32Array(highest + 1);
    for (const [i, slot] of this.#slots.entries()) if (slot !== 0) this.#places[slot] = i + 1;
  }

  get rules(): Iterable<[slot: number, Rule]> {
    return this.#all();
  }

  *#all(): Generator<[slot: number, Rule], void> {
    for (const [i, slot] of this.#slots.entries()) {
      if (slot !== 0) yield [slot, this.#plan!.rules.at(i)];
    }
    for (const [slot, rule] of this.#before?.rules ?? []) {
      if (!this.#places[slot]) yield [slot, rule];
    }
  }

  /** The highest slot in use; 0: none is. */
  get highestSlot(): number {
    return Math.max(this.#places.length - 1, this.#before?.highestSlot ?? 0);
  }

  rule(slot: number): Rule | undefined {
    const place = this.#places[slot] ?? 0;
    return place === 0 ? this.#before?.rule(slot) : this.#plan!.rules.at(place - 1);
  }

  /** The rule counted in a slot; null for slot 0 and for slots of rules that are gone. */
  ref(slot: number): RuleRef | null {
    const rule = this.rule(slot);
    return rule === undefined ? null : ruleRef(rule);
  }

  /** Slot of the rule with that id. */
  slotOf(id: string): number | undefined {
    const slot = this.#slots[this.#plan?.rules.ids.indexOf(id) ?? -1] ?? 0;
    return slot === 0 ? this.#before?.slotOf(id) : slot;
  }

  id(slot: number): string | null {
    return this.rule(slot)?.id ?? null;
  }

  /** The rule of a deny line, by its number. */
  denyLine(line: number): RuleRef | null {
    const rule = this.#plan?.deny[line]?.rule;
    return rule === undefined ? null : ruleRef(this.#plan!.rules.at(rule));
  }
}
