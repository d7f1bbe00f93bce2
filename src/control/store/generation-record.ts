/** What is kept of one installed policy: enough to install the very same thing again. */
import { z } from 'zod';

export const generationRecord = z.strictObject({
  generation: z.int().min(1),
  /** Text of the policy as it was applied, and the name its positions carry. */
  text: z.string(),
  file: z.string(),
  /** Who applied it. */
  by: z.string(),
  /** The operator's words about it, or ''. */
  why: z.string(),
  /** When, ISO 8601 in UTC. */
  at: z.iso.datetime(),
  /** Digest of the compiled plan. */
  digest: z.string(),
  /** Slot in the counters of every rule, by rule id; from 1. */
  ruleSlots: z.record(z.string(), z.int().min(1)),
  /** Bit of every dynamic group, by name. */
  dynamicGroups: z.record(z.string(), z.int().min(0).max(31)),
  /** Addresses that names stood for when the policy was applied. */
  resolved: z.record(z.string(), z.array(z.string())),
});

/** One installed policy as the store holds it. */
export type GenerationRecord = z.infer<typeof generationRecord>;
