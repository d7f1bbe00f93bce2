/** The tables of one generation: made, filled, and known to nobody yet. */
import { BpfMap } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import type { Plan } from '../policy/plan.js';
import type { Sliced } from '../slices.js';
import type { PortNumbers } from './bindings.js';
import { type Packed, packAddresses, packMatrix } from './generation.js';
import { packRuleLimits } from './limits.js';
import type { Numbering } from './numbering.js';

const { Limits, ServiceCode } = layouts;
const MMAPABLE = 1 << 10;
/** Arrays of other sizes may take this one's place. */
const INNER_MAP = 1 << 12;
/** Maps of maps that have one for each generation. */
export const OUTER = [
  'addresses',
  'services',
  'service_deny',
  'alternatives',
  'rule_limits',
  'matrix',
] as const;
/** Elements written in one call: a few milliseconds. */
export const BATCH = 8192;

/** By the map of maps that they are for. */
export type InnerTables = Record<(typeof OUTER)[number], BpfMap>;

/** Each is the caller's to close. @throws BpfError, with nothing left behind */
export function* makeTables(
  plan: Plan,
  numbering: Numbering,
  ports: PortNumbers,
): Sliced<InnerTables> {
  const made: BpfMap[] = [];
  try {
    const hash = function* (name: keyof typeof HASHES, packed: Packed): Sliced<BpfMap> {
      const map = hashOf(name, packed);
      made.push(map);
      yield;
      yield* fill(map, packed);
      return map;
    };
    const array = (
      name: string,
      o: { valueSize: number; maxEntries: number; flags?: number },
      from: Buffer,
    ) => {
      const map = BpfMap.create({ type: 'array', name, keySize: 4, flags: MMAPABLE, ...o });
      made.push(map);
      map.mmap().set(from);
      return map;
    };
    const matrix = yield* packMatrix(plan, numbering);
    return {
      addresses: yield* hash('addresses', yield* packAddresses(plan, ports)),
      matrix: yield* hash('matrix', matrix.entries),
      rule_limits: yield* hash('rule_limits', yield* packRuleLimits(plan, numbering)),
      alternatives: array(
        'alternatives',
        {
          valueSize: layouts.alternative.size,
          maxEntries: matrix.alternatives.length / layouts.alternative.size,
          flags: MMAPABLE | INNER_MAP,
        },
        matrix.alternatives,
      ),
      services: array(
        'services',
        {
          valueSize: layouts.servicePage.size,
          maxEntries: ServiceCode.CODES / Limits.SERVICE_PAGE,
        },
        bytesOf(plan.services),
      ),
      service_deny: array(
        'service_deny',
        { valueSize: layouts.serviceClass.size, maxEntries: Limits.MAX_SERVICE_CLASSES },
        bytesOf(plan.serviceDeny),
      ),
    };
  } catch (error) {
    for (const map of made) map.close();
    throw error;
  }
}

const HASHES = {
  addresses: { keySize: layouts.addressKey.size, valueSize: layouts.addressClass.size },
  matrix: { keySize: layouts.matrixKey.size, valueSize: layouts.matrixEntry.size },
  rule_limits: { keySize: 4, valueSize: layouts.ruleLimit.size },
} as const;

function hashOf(name: keyof typeof HASHES, packed: Packed): BpfMap {
  return BpfMap.create({
    type: 'hash',
    name,
    ...HASHES[name],
    maxEntries: Math.max(1, packed.count),
  });
}

function* fill(map: BpfMap, { keys, values, count }: Packed): Sliced<void> {
  const { keySize, valueSize } = map.info;
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(from + BATCH, count);
    const some = keys.subarray(from * keySize, to * keySize);
    map.updateBatch(some, values.subarray(from * valueSize, to * valueSize), to - from);
    yield;
  }
}

function bytesOf(array: Uint16Array | BigUint64Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
