/**
 * Whether the tables of a generation hold what its policy puts there: digests over all entries, in the
 * kernel's own copy and in what would be installed. No entry is looked at in JavaScript.
 */
import { BpfMap, type Digest } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import type { Plan } from '../policy/plan.js';
import type { Sliced } from '../slices.js';
import { index } from './array-key.js';
import type { PortNumbers } from './bindings.js';
import { generationValue, type Packed, packAddresses, packMatrix } from './generation.js';
import { packRuleLimits } from './limits.js';
import type { Numbering } from './numbering.js';
import type { Dataplane } from './object.js';
import { watchesValue } from './watches.js';

const PAGES = layouts.ServiceCode.CODES / layouts.Limits.SERVICE_PAGE;
const CLASSES = layouts.Limits.MAX_SERVICE_CLASSES;

type Table = 'addresses' | 'matrix' | 'rule_limits' | 'alternatives' | 'services' | 'service_deny';

/** A policy with its numbers. */
export interface InstalledPolicy extends Numbering {
  readonly plan: Plan;
  readonly generation: number;
}

/** Names of the tables of a slot that are not as they must be. */
export function* damagedTables(
  dataplane: Pick<Dataplane, 'map' | 'clock'>,
  slot: number,
  installed: InstalledPolicy,
  ports: PortNumbers,
): Sliced<string[]> {
  const { plan } = installed;
  const matrix = yield* packMatrix(plan, installed);
  const addresses = yield* packAddresses(plan, ports);
  const limits = yield* packRuleLimits(plan, installed);
  const expected: Record<Table, () => Packed> = {
    addresses: () => addresses,
    matrix: () => matrix.entries,
    rule_limits: () => limits,
    alternatives: () => packBytes(matrix.alternatives, layouts.alternative.size),
    services: () => packArray(plan.services, layouts.servicePage.size, PAGES),
    service_deny: () => packArray(plan.serviceDeny, layouts.serviceClass.size, CLASSES),
  };
  const damaged: string[] = [];
  for (const [name, pack] of Object.entries(expected)) {
    const id = dataplane.map(name as Table).lookup(index(slot));
    if (id === undefined || !holds(id.readUInt32LE(0), pack())) damaged.push(name);
    yield;
  }
  if (!isGeneration(dataplane, slot, installed)) damaged.push('generations');
  const watches = watchesValue(plan, installed, dataplane.clock);
  if (!dataplane.map('watches').lookup(index(slot))!.equals(watches)) damaged.push('watches');
  return damaged;
}

function holds(id: number, { keys, values, count }: Packed): boolean {
  using inner = BpfMap.byId(id);
  const [is, must] = [inner.digest(), BpfMap.digestOf(keys, values, count)];
  return same(is, must);
}

function same(a: Digest, b: Digest): boolean {
  return a.count === b.count && a.sum === b.sum;
}

/** All but what the switch itself wrote: when it ends, and what comes then. */
function isGeneration(
  dataplane: Pick<Dataplane, 'map'>,
  slot: number,
  { plan, generation, ...numbering }: InstalledPolicy,
): boolean {
  const value = dataplane.map('generations').lookup(index(slot))!;
  const { fallback, deadline } = layouts.generation.decode(value);
  const must = generationValue(plan, numbering, generation, { fallback, deadline });
  return layouts.generation.encode(must).equals(value);
}

/** An array map holds all of its entries; those past the policy's own are zero. */
function packArray(from: Uint16Array | BigUint64Array, valueSize: number, count: number): Packed {
  const values = Buffer.alloc(count * valueSize);
  Buffer.from(from.buffer, from.byteOffset, from.byteLength).copy(values);
  return packBytes(values, valueSize);
}

function packBytes(values: Buffer, valueSize: number): Packed {
  const count = values.length / valueSize;
  const keys = Buffer.from(Uint32Array.from({ length: count }, (_, i) => i).buffer);
  return { keys, values, count };
}
