/** Between a policy as it is stored and a policy as it is installed. */
import type { Numbering } from '../dataplane/index.js';
import {
  compile,
  type Plan,
  parsePolicy,
  type ResolvedNames,
  type RuleDifference,
} from '../policy/index.js';
import type { Caller, RuleChange } from '../service.js';
import type { GenerationRecord } from '../store/index.js';
import { ruleRef } from './rules.js';

/** What is installed, or was. */
export interface ActivePolicy {
  readonly generation: number;
  readonly text: string;
  readonly plan: Plan;
  readonly numbering: Numbering;
  readonly record: GenerationRecord;
}

/** What the daemon does of its own accord, in the history. */
export const ITSELF: Caller = { user: 'bridgewalld', uid: null };

/** A stored policy, with the addresses that its names stood for when it was applied. @throws PolicyError */
export function recompile(record: GenerationRecord): Plan {
  const names = new Map(Object.entries(record.resolved));
  return compile(parsePolicy(record.text, record.file), { names });
}

/** @param plan of the record */
export function activeOf(record: GenerationRecord, plan: Plan): ActivePolicy {
  const { generation, text } = record;
  return { generation, text, plan, numbering: numberingOf(record), record };
}

export function numberingOf(record: GenerationRecord): Numbering {
  return {
    ruleSlots: new Map(Object.entries(record.ruleSlots)),
    groupBits: new Map(Object.entries(record.dynamicGroups)),
  };
}

/** The part of a record that is made of numbers. */
export function storedNumbers({ ruleSlots, groupBits }: Numbering) {
  return {
    ruleSlots: Object.fromEntries(ruleSlots),
    dynamicGroups: Object.fromEntries(groupBits),
  };
}

export function resolvedRecord(resolved: ResolvedNames): Record<string, string[]> {
  return Object.fromEntries([...resolved].map(([name, addresses]) => [name, [...addresses]]));
}

export function ruleChange({ kind, before, after }: RuleDifference): RuleChange {
  return { kind, before: before && ruleRef(before), after: after && ruleRef(after) };
}

/** Who asked, as fields of an event. */
export function whoFields({ user, uid }: Caller): { user: string; uid?: number } {
  return uid === null ? { user } : { user, uid };
}
