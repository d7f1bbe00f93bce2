/** A plan as one piece of memory: for the way between threads, and to lie on disk. */
import { deserialize, serialize } from 'node:v8';
import { type Columns, fromColumns, toColumns, Words } from '../../columns.js';
import type { Plan } from '../../policy/index.js';
import type { Sliced } from '../../slices.js';

/** The long lists of a plan. */
const LISTS = ['hosts', 'rules', 'addresses', 'matrix', 'warnings'] as const;

type List = (typeof LISTS)[number];

/** A plan and the same packed. */
export interface PackedPlan {
  readonly plan: Plan;
  readonly packed: Uint8Array;
}

interface Packed {
  readonly words: readonly string[];
  readonly lists: Record<List, Columns>;
  readonly rest: Omit<Plan, List>;
}

export function packPlan(plan: Plan): Uint8Array {
  const { hosts, rules, addresses, matrix, warnings, ...rest } = plan;
  const words = new Words();
  const all = { hosts, rules, addresses, matrix, warnings };
  const packed = LISTS.map((list) => [list, toColumns(all[list], words)] as const);
  const lists = Object.fromEntries(packed) as Record<List, Columns>;
  return serialize({ words: words.list, lists, rest } satisfies Packed);
}

/** @param bytes of packPlan; throws for others */
export function* unpackPlan(bytes: Uint8Array): Sliced<Plan> {
  const { words, lists, rest } = deserialize(bytes) as Packed;
  yield;
  const records = <L extends List>(list: L) => fromColumns<Plan[L][number]>(lists[list], words);
  return {
    ...rest,
    hosts: yield* records('hosts'),
    rules: yield* records('rules'),
    addresses: yield* records('addresses'),
    matrix: yield* records('matrix'),
    warnings: yield* records('warnings'),
  };
}
