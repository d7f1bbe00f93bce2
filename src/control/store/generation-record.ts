/** What is kept of one installed policy: enough to install the very same thing again. */
import { z } from 'zod';

/** Numbers of names, in two lists: an object of as many keys as a policy has rules would be slow. */
export interface NumberedNames {
  readonly names: readonly string[];
  readonly numbers: readonly number[];
}

/** Also as an object, from name to number, as earlier versions wrote it. */
const ruleSlots = z
  .custom<NumberedNames>(areNumberedNames)
  .or(
    z
      .record(z.string(), z.int().min(1))
      .transform((slots) => ({ names: Object.keys(slots), numbers: Object.values(slots) })),
  );

function areNumberedNames(value: unknown): boolean {
  const { names, numbers } = (value ?? {}) as Partial<NumberedNames>;
  if (!Array.isArray(names) || !Array.isArray(numbers) || names.length !== numbers.length) {
    return false;
  }
  const isSlot = (number: unknown) => Number.isInteger(number) && (number as number) >= 1;
  return names.every((name) => typeof name === 'string') && numbers.every(isSlot);
}

export const generationRecord = z.strictObject({
  generation: z.int().min(1),
  /** Text of the policy as it was applied, and the name its positions carry. */
  text: z.string(),
  file: z.string(),
  /** Who applied it: login name, and the user id of the process that asked. */
  by: z.string(),
  uid: z.int().min(0).nullable().default(null),
  /** The operator's words about it, or ''. */
  why: z.string(),
  /** When, ISO 8601 in UTC. */
  at: z.iso.datetime(),
  /** Digest of the compiled plan. */
  digest: z.string(),
  /** Lines of the policy that are rules. */
  rules: z.int().min(0).optional(),
  /** The time in which it had to be confirmed, and what judges if that does not come; null: none. */
  trial: z
    .strictObject({ seconds: z.number().positive(), fallback: z.int().min(1) })
    .nullable()
    .default(null),
  /**
   * False: it was never switched to, is on trial, or did not survive that. Never what a node comes
   * back to.
   */
  confirmed: z.boolean().default(true),
  /** Slot in the counters of every rule, by rule id; from 1. */
  ruleSlots,
  /** Bit of every dynamic group, by name. */
  dynamicGroups: z.record(z.string(), z.int().min(0).max(31)),
  /** Addresses that names stood for when the policy was applied. */
  resolved: z.record(z.string(), z.array(z.string())),
  /** On which node of a pair it was applied, and when; null: here, before that was kept. */
  origin: z
    .strictObject({
      epoch: z.int().min(0),
      generation: z.int().min(1),
      node: z.string(),
      hash: z.string(),
    })
    .nullable()
    .default(null),
});

/** One installed policy as the store holds it. */
export type GenerationRecord = z.infer<typeof generationRecord>;
