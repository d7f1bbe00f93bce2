/** Between a policy as it is stored and a policy as it is installed. */
import type { Numbering } from '../dataplane/index.js';
import {
  differences,
  type PacketClass,
  type Plan,
  type ResolvedNames,
  type RuleDifference,
} from '../policy/index.js';
import type { Caller, PacketChange, RuleChange } from '../service.js';
import type { Sliced } from '../slices.js';
import type { GenerationRecord } from '../store/index.js';
import type { PackedPlan } from './compiler/packed-plan.js';
import { ruleRef } from './rules.js';

/** What is installed, or was. */
export interface ActivePolicy {
  readonly generation: number;
  readonly text: string;
  readonly plan: Plan;
  readonly numbering: Numbering;
  readonly record: GenerationRecord;
  /** The plan as the cache of plans keeps it. */
  readonly packed: Uint8Array;
}

/** What the daemon does of its own accord, in the history. */
export const ITSELF: Caller = { user: 'bridgewalld', uid: null };

/** @param plan of the record */
export function activeOf(
  record: GenerationRecord,
  { plan, packed }: PackedPlan,
  numbering = numberingOf(record),
): ActivePolicy {
  const { generation, text } = record;
  return { generation, text, plan, numbering, record, packed };
}

export function numberingOf(record: GenerationRecord): Numbering {
  const { names, numbers } = record.ruleSlots;
  return {
    ruleSlots: new Map(names.map((name, i) => [name, numbers[i]!])),
    groupBits: new Map(Object.entries(record.dynamicGroups)),
  };
}

/** The part of a record that is made of numbers. */
export function storedNumbers({ ruleSlots, groupBits }: Numbering) {
  return {
    ruleSlots: { names: [...ruleSlots.keys()], numbers: [...ruleSlots.values()] },
    dynamicGroups: Object.fromEntries(groupBits),
  };
}

export function resolvedRecord(resolved: ResolvedNames): Record<string, string[]> {
  return Object.fromEntries([...resolved].map(([name, addresses]) => [name, [...addresses]]));
}

function ruleChange({ kind, before, after }: RuleDifference): RuleChange {
  return { kind, before: before && ruleRef(before), after: after && ruleRef(after) };
}

/** What a new plan does to the rules of another one, as people are told. */
export function* ruleChanges(before: Plan | null, after: Plan): Sliced<RuleChange[]> {
  const all = yield* differences(before, after);
  const changes: RuleChange[] = [];
  for (let i = 0; i < all.length; i++) {
    if (i % SLICE === 0) yield;
    changes.push(ruleChange(all[i]!));
  }
  return changes;
}

/** Changes that are made between two yields. */
const SLICE = 1024;

/** Packet classes in one answer, and items of one listing. */
const [MOST_CLASSES, MOST_ITEMS] = [500, 24];

/** What a policy opens and closes, as much of it as an answer holds. */
export function packetChanges(all: readonly PacketClass[]): {
  packets: PacketChange[];
  packetsMore: number;
} {
  const packets = all.slice(0, MOST_CLASSES).map(({ services, from, to, ...rest }) => ({
    ...rest,
    ...{ services: shortened(services), peers: shortened(from), to: shortened(to) },
  }));
  return { packets, packetsMore: all.length - packets.length };
}

function shortened(items: readonly string[]): string[] {
  if (items.length <= MOST_ITEMS) return [...items];
  return [...items.slice(0, MOST_ITEMS), `and ${items.length - MOST_ITEMS} more`];
}

/** Who asked, as fields of an event. */
export function whoFields({ user, uid }: Caller): { user: string; uid?: number } {
  return uid === null ? { user } : { user, uid };
}
