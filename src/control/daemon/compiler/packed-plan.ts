/** A plan as one piece of memory: for the way between threads, and to lie on disk. */
import { deserialize, serialize } from 'node:v8';
import { type Columns, fromColumns, toColumns, Words } from '../../columns.js';
import {
  type MatrixColumns,
  MatrixTable,
  type Plan,
  type RuleColumns,
  RuleTable,
} from '../../policy/index.js';
import type { Sliced } from '../../slices.js';

/** Long lists of a plan that are not columns already. */
const LISTS = ['hosts', 'addresses', 'warnings'] as const;
/** In no id. */
const BETWEEN_IDS = '\n';

type List = (typeof LISTS)[number];

/** A plan and the same packed. */
export interface PackedPlan {
  readonly plan: Plan;
  readonly packed: Uint8Array;
}

interface Packed {
  readonly words: readonly string[];
  readonly lists: Record<List, Columns>;
  /** Ids as one text: one copy instead of one for each. */
  readonly rules: Omit<RuleColumns, 'ids'> & { readonly ids: string };
  readonly matrix: MatrixColumns;
  readonly rest: Omit<Plan, List | 'rules' | 'matrix'>;
}

export function packPlan(plan: Plan): Uint8Array {
  const { hosts, rules, addresses, matrix, warnings, ...rest } = plan;
  const words = new Words();
  const all = { hosts, addresses, warnings };
  const packed = LISTS.map((list) => [list, toColumns(all[list], words)] as const);
  const lists = Object.fromEntries(packed) as Record<List, Columns>;
  return serialize({
    words: words.list,
    lists,
    rules: { ...rules.columns, ids: rules.ids.join(BETWEEN_IDS) },
    matrix: matrix.columns,
    rest,
  } satisfies Packed);
}

/** @param bytes of packPlan; throws for others */
export function* unpackPlan(bytes: Uint8Array): Sliced<Plan> {
  const { words, lists, rules, matrix, rest } = deserialize(bytes) as Packed;
  yield;
  const records = <L extends List>(list: L) => fromColumns<Plan[L][number]>(lists[list], words);
  const ids = rules.ids === '' ? [] : rules.ids.split(BETWEEN_IDS);
  yield;
  return {
    ...rest,
    rules: new RuleTable({ ...rules, ids }),
    matrix: new MatrixTable(matrix),
    hosts: yield* records('hosts'),
    addresses: yield* records('addresses'),
    warnings: yield* records('warnings'),
  };
}
