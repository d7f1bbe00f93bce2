/** A plan in the shapes that the packet path reads: pure, so that it can be checked without a kernel. */
import * as layouts from '../../generated/layouts.js';
import { isV4 } from '../policy/address.js';
import { isBound } from '../policy/bindings.js';
import { MATRIX_DIRECTIONS, NO_RULE } from '../policy/matrix-table.js';
import type { AddressClass, Alternative, Plan } from '../policy/plan.js';
import type { Sliced } from '../slices.js';
import {
  type Bound,
  boundValue,
  type PortNumbers,
  taggedLength,
  UNBOUND_VALUE,
} from './bindings.js';
import { DataplaneError } from './errors.js';
import { type LimitedRules, limitedRules, limitFlags, limitValue } from './limits.js';
import { type Numbering, slotsOf } from './numbering.js';

const { Direction, GenerationFlags, Limits, MatrixFlags, WatchLimits } = layouts;

/** Keys and values of one hash map, packed. */
export interface Packed {
  readonly keys: Buffer;
  readonly values: Buffer;
  readonly count: number;
}

/** Entries encoded between two yields. */
const SLICE = 1024;

const DIRECTIONS = { in: Direction.IN, out: Direction.OUT, transit: Direction.TRANSIT } as const;

/** Prefix lengths of the 16-byte form that a plan's addresses have, by family, longest first. */
function prefixLengths(plan: Plan): { v4: number[]; v6: number[] } {
  const v4 = new Set<number>();
  const v6 = new Set<number>();
  for (const { length, address, vlan } of plan.addresses) {
    if (vlan !== null) continue;
    (isV4(address) ? v4 : v6).add(length);
  }
  const longestFirst = (set: Set<number>) => [...set].sort((a, b) => b - a);
  return { v4: longestFirst(v4), v6: longestFirst(v6) };
}

/**
 * Refuses a plan that its tables cannot hold.
 * @throws DataplaneError `too-large`
 */
export function checkSize(plan: Plan, ruleCounters: number): void {
  const lengths = prefixLengths(plan);
  const limits: [string, number, number][] = [
    ['rules', plan.rules.length, ruleCounters - 1],
    ['deny lines and onDrop', plan.deny.length + plan.onDrop.length, Limits.MAX_DENY_LINES],
    ['onDrop', plan.onDrop.length, WatchLimits.MAX_WATCHES],
    ['dynamic groups', plan.dynamicGroups.length, Limits.MAX_DYNAMIC_GROUPS],
    ['service classes', plan.serviceDeny.length, Limits.MAX_SERVICE_CLASSES],
    ['different IPv4 prefix lengths', lengths.v4.length, Limits.MAX_V4_LENGTHS],
    ['different IPv6 prefix lengths', lengths.v6.length, Limits.MAX_V6_LENGTHS],
  ];
  for (const [what, count, most] of limits) {
    if (count > most) {
      throw new DataplaneError(
        'too-large',
        `the policy has ${count} ${what}, more than the ${most} that fit`,
      );
    }
  }
}

function classValue(from: AddressClass, bound: Bound = UNBOUND_VALUE): layouts.AddressClass {
  const { host, peerClass: peer, denyFrom, denyTo } = from;
  return { host, peer, denyFrom, denyTo, ...bound };
}

export function* packAddresses(plan: Plan, ports: PortNumbers): Sliced<Packed> {
  const count = plan.addresses.length;
  const keys = Buffer.alloc(count * layouts.addressKey.size);
  const values = Buffer.alloc(count * layouts.addressClass.size);
  for (const [i, entry] of plan.addresses.entries()) {
    if (i % SLICE === 0) yield;
    const length = entry.vlan === null ? entry.length : taggedLength(entry.vlan);
    const key = { length, address: { byte: entry.address } };
    layouts.addressKey.encode(key, keys, i * layouts.addressKey.size);
    const value = classValue(entry, boundValue(plan, entry, ports));
    layouts.addressClass.encode(value, values, i * layouts.addressClass.size);
  }
  return { keys, values, count };
}

/** Entries, and the alternatives that they point to. */
export function* packMatrix(
  plan: Plan,
  numbering: Numbering,
): Sliced<{ readonly entries: Packed; readonly alternatives: Buffer }> {
  const count = plan.matrix.length;
  const keys = Buffer.alloc(count * layouts.matrixKey.size);
  const values = Buffer.alloc(count * layouts.matrixEntry.size);
  const lists = new AlternativeLists();
  const slots = slotsOf(plan, numbering);
  const limited = limitedRules(plan);
  const { columns } = plan.matrix;
  const directions = MATRIX_DIRECTIONS.map((direction) => DIRECTIONS[direction]);
  const asked = columns.lists.map((list) => lists.add(heard(plan, list, numbering, limited)));
  const key = (i: number): layouts.MatrixKey => ({
    host: columns.host[i]!,
    peer: columns.peer[i]!,
    service: columns.serviceClass[i]!,
    direction: directions[columns.direction[i]!]!,
    pad: 0,
  });
  const value = (i: number): layouts.MatrixEntry => {
    const rule = columns.rule[i]!;
    const { first, count, from, to } = asked[columns.alternatives[i]!]!;
    const flags = flagsOf(plan, limited, rule, columns.log[i] !== 0);
    return { rule: rule === NO_RULE ? 0 : slots[rule]!, flags, first, count, from, to };
  };
  for (let from = 0; from < count; from += SLICE) {
    yield;
    const to = Math.min(from + SLICE, count);
    layouts.matrixKey.encodeEach(from, to, key, keys);
    layouts.matrixEntry.encodeEach(from, to, value, values);
  }
  return { entries: { keys, values, count }, alternatives: lists.packed() };
}

/** Alternatives by the bits of their groups. A group without one has no members: nobody asks for it. */
function heard(
  plan: Plan,
  alternatives: readonly Alternative[],
  numbering: Numbering,
  limited: LimitedRules,
): layouts.Alternative[] {
  return alternatives.flatMap((one) => {
    const from = bitMask(plan, one.from, numbering);
    const to = bitMask(plan, one.to, numbering);
    if ((one.from !== 0 && from === 0) || (one.to !== 0 && to === 0)) return [];
    return [
      {
        from,
        to,
        rule: slotsOf(plan, numbering)[one.rule]!,
        flags: flagsOf(plan, limited, one.rule, one.log),
      },
    ];
  });
}

const NOTHING = { detour: 0, session: false } as const;

/** @param rule or NO_RULE */
function flagsOf({ rules }: Plan, limited: LimitedRules, rule: number, log: boolean): number {
  const { LOG, LIMITED, SESSION, DETOUR_AT } = MatrixFlags;
  const { detour, session } = rule === NO_RULE ? NOTHING : rules.options(rule);
  const measured = limited.has(rule);
  return (
    (log ? LOG : 0) | (measured ? LIMITED : 0) | (session ? SESSION : 0) | (detour << DETOUR_AT)
  );
}

function bitMask(plan: Plan, groups: number, numbering: Numbering): number {
  const indices = plan.dynamicGroups.map((_, i) => i).filter((i) => (groups >>> i) & 1);
  return maskOf(bitsOf(plan, indices, numbering));
}

function maskOf(bits: readonly number[]): number {
  return bits.reduce((mask, bit) => (mask | (1 << bit)) >>> 0, 0);
}

/** Lists of alternatives one after the other, equal ones once. */
class AlternativeLists {
  readonly #first = new Map<string, number>();
  readonly #all: layouts.Alternative[] = [];

  /** What an entry says of its list. */
  add(list: readonly layouts.Alternative[]) {
    if (list.length === 0) return { first: 0, count: 0, from: 0, to: 0 };
    const key = list.map(({ from, to, rule, flags }) => `${from} ${to} ${rule} ${flags}`).join();
    let first = this.#first.get(key);
    if (first === undefined) {
      first = this.#all.length;
      this.#first.set(key, first);
      this.#all.push(...list);
    }
    const from = list.reduce((mask, one) => (mask | one.from) >>> 0, 0);
    const to = list.reduce((mask, one) => (mask | one.to) >>> 0, 0);
    return { first, count: list.length, from, to };
  }

  packed(): Buffer {
    const { size } = layouts.alternative;
    const packed = Buffer.alloc(size * Math.max(1, this.#all.length));
    for (const [i, one] of this.#all.entries()) layouts.alternative.encode(one, packed, i * size);
    return packed;
  }
}

/** The masks and lists of `struct generation`. */
export function generationValue(
  plan: Plan,
  numbering: Numbering,
  number: number,
  { fallback, deadline = 0n }: { fallback: number; deadline?: bigint },
): layouts.Generation {
  const dynamicFrom = new Array<bigint>(Limits.MAX_DYNAMIC_GROUPS).fill(0n);
  const dynamicTo = new Array<bigint>(Limits.MAX_DYNAMIC_GROUPS).fill(0n);
  const denyRule = new Array<number>(Limits.MAX_DENY_LINES).fill(0);
  let denyAllServices = 0n;
  let denyLog = 0n;
  plan.deny.forEach((line, i) => {
    const bit = 1n << BigInt(i);
    denyRule[i] = slotsOf(plan, numbering)[line.rule]!;
    if (line.allServices) denyAllServices |= bit;
    if (line.log) denyLog |= bit;
    for (const group of bitsOf(plan, line.dynamicFrom, numbering)) dynamicFrom[group]! |= bit;
    for (const group of bitsOf(plan, line.dynamicTo, numbering)) dynamicTo[group]! |= bit;
  });
  let denyDynamic = 0;
  for (let bit = 0; bit < Limits.MAX_DYNAMIC_GROUPS; bit++) {
    if ((dynamicFrom[bit]! | dynamicTo[bit]!) !== 0n) denyDynamic |= 1 << bit;
  }
  const flags =
    GenerationFlags.POLICY |
    limitFlags(plan) |
    (plan.hosts.some(({ binding }) => isBound(binding)) ? GenerationFlags.BOUND : 0) |
    (plan.logDrops ? GenerationFlags.LOG_DROPS : 0) |
    (plan.onDrop.length > 0 ? GenerationFlags.ON_DROP : 0);
  const lengths = prefixLengths(plan);
  return {
    number,
    flags,
    deadline,
    fallback,
    denyDynamic: denyDynamic >>> 0,
    ruleDynamic: bitMask(plan, ruleGroups(plan), numbering),
    pickup: plan.pickup,
    source: limitValue(plan.sourceLimit),
    pad: 0,
    v4: classValue(plan.defaultV4),
    v6: classValue(plan.defaultV6),
    denyAllServices,
    dynamicFrom,
    dynamicTo,
    denyRule,
    denyLog,
    v4Count: lengths.v4.length,
    v6Count: lengths.v6.length,
    v4Length: padded(lengths.v4, Limits.MAX_V4_LENGTHS),
    v6Length: padded(lengths.v6, Limits.MAX_V6_LENGTHS),
  };
}

/** Dynamic groups (bit: index) that lines other than deny ask for. */
function ruleGroups({ matrix }: Plan): number {
  let groups = 0;
  for (const list of matrix.columns.lists) {
    for (const { from, to } of list) groups |= from | to;
  }
  return groups >>> 0;
}

/** Bits of groups by their index; one that has none is one that has no members yet. */
function bitsOf(plan: Plan, groups: readonly number[], { groupBits }: Numbering): number[] {
  const bits = groups.map((group) => groupBits.get(plan.dynamicGroups[group]!.name));
  return bits.filter((bit) => bit !== undefined);
}

function padded(lengths: readonly number[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(lengths);
  return bytes;
}
