import { hostPrefix, type Prefix } from './address.js';
import type { PolicyHost } from './ast.js';
import { placeOf, vlanOfPlace } from './bindings.js';
import type { AddressClass, AddressEntry } from './plan.js';
import { type PrefixSet, sweep } from './prefix-set.js';

/** The static part of a deny line; null: every address. */
export interface DenySets {
  readonly from: PrefixSet | null;
  readonly to: PrefixSet | null;
}

export interface AddressClasses {
  readonly entries: readonly AddressEntry[];
  readonly defaultV4: AddressClass;
  readonly defaultV6: AddressClass;
  /** How many peer classes there are. */
  readonly count: number;
  /** By number of a peer set: the classes that it holds, ascending. */
  readonly classesOf: readonly (readonly number[])[];
  /** By peer class: host ids that have an address in it, ascending. */
  readonly hostsOf: ReadonlyMap<number, readonly number[]>;
  /** Peer classes in which an address may be that is not screened, ascending. */
  readonly unscreened: readonly number[];
}

interface Node {
  readonly prefix: Prefix;
  host: number;
  /** Hosts have it in VLANs of their own. */
  tagged: boolean;
  /** Peer sets that begin (number * 2 + 1) or end (number * 2) to hold addresses here. */
  readonly changes: number[];
  /** Deny masks to set and to clear. */
  fromSet: bigint;
  fromClear: bigint;
  toSet: bigint;
  toClear: bigint;
}

/** Combinations of peer sets, numbered as they are met; 0 is "in none of them". */
class Combinations {
  readonly members: number[][] = [[]];
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #steps = new Map<string, number>();

  number(members: number[]): number {
    const key = members.join(',');
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.members.length;
      this.#numbers.set(key, number);
      this.members.push(members);
    }
    return number;
  }

  /** The combination that changes (see Node) make of another one. */
  step(from: number, changes: readonly number[]): number {
    if (changes.length === 0) return from;
    const key = `${from}:${changes.join(',')}`;
    const known = this.#steps.get(key);
    if (known !== undefined) return known;
    const members = new Set(this.members[from]);
    for (const change of changes) {
      if (change % 2 === 1) members.add(change >> 1);
      else members.delete(change >> 1);
    }
    const number = this.number([...members].sort((a, b) => a - b));
    this.#steps.set(key, number);
    return number;
  }
}

/**
 * Puts every address into a class: which host it is, which peer sets hold it, which deny lines it
 * falls under. An entry that says the same as the prefix around it is left out, but every screened
 * address has one; of an address that hosts have in VLANs, so has each of these.
 */
export function classifyAddresses(
  hosts: readonly PolicyHost[],
  peerSets: readonly PrefixSet[],
  deny: readonly DenySets[],
): AddressClasses {
  const nodes = collect(hosts, peerSets, deny);
  const combinations = new Combinations();
  const root = (family: 'v4' | 'v6'): AddressClass => ({
    host: 0,
    peerClass: combinations.number(peerSets.flatMap((set, i) => (set[family] ? [i] : []))),
    denyFrom: mask(deny, (line) => line.from === null || line.from[family]),
    denyTo: mask(deny, (line) => line.to === null || line.to[family]),
  });
  let defaultV4 = root('v4');
  let defaultV6 = root('v6');
  const entries: AddressEntry[] = [];
  const prefixes = Array.from(nodes.values(), (node) => node.prefix);
  sweep(prefixes, { v4: defaultV4, v6: defaultV6 }, (parent, prefix) => {
    const node = nodes.get(prefix.key)!;
    const own: AddressClass = {
      host: node.host,
      peerClass: combinations.step(parent.peerClass, node.changes),
      denyFrom: (parent.denyFrom | node.fromSet) & ~node.fromClear,
      denyTo: (parent.denyTo | node.toSet) & ~node.toClear,
    };
    if (prefix.length === (prefix.family === 4 ? 96 : 0)) {
      if (prefix.family === 4) defaultV4 = own;
      else defaultV6 = own;
    } else if (own.host !== 0 || node.tagged || !sameClass(own, parent)) {
      entries.push({ ...own, ...placeIn(prefix), tagged: node.tagged });
    }
    return own;
  });
  return { entries, defaultV4, defaultV6, ...invert(combinations, entries, defaultV4, defaultV6) };
}

function placeIn(prefix: Prefix): Pick<AddressEntry, 'length' | 'address' | 'vlan'> {
  const vlan = vlanOfPlace(prefix);
  if (vlan === null) return { length: prefix.length, address: prefix.address, vlan };
  return { length: 128, address: prefix.address.slice(0, 16), vlan };
}

function sameClass(a: AddressClass, b: AddressClass): boolean {
  return a.peerClass === b.peerClass && a.denyFrom === b.denyFrom && a.denyTo === b.denyTo;
}

function mask<T>(items: readonly T[], test: (item: T) => boolean): bigint {
  return items.reduce((bits, item, i) => (test(item) ? bits | (1n << BigInt(i)) : bits), 0n);
}

/** Every prefix that occurs anywhere, with what begins and ends there. */
function collect(
  hosts: readonly PolicyHost[],
  peerSets: readonly PrefixSet[],
  deny: readonly DenySets[],
): Map<string, Node> {
  const nodes = new Map<string, Node>();
  const node = (prefix: Prefix): Node => {
    let found = nodes.get(prefix.key);
    if (found === undefined) {
      const masks = { fromSet: 0n, fromClear: 0n, toSet: 0n, toClear: 0n };
      found = { prefix, host: 0, tagged: false, changes: [], ...masks };
      nodes.set(prefix.key, found);
    }
    return found;
  };
  for (const [i, set] of peerSets.entries()) {
    for (const { prefix, holds } of set.marks) node(prefix).changes.push(i * 2 + (holds ? 1 : 0));
  }
  for (const [i, line] of deny.entries()) {
    const bit = 1n << BigInt(i);
    for (const { prefix, holds } of line.from?.marks ?? []) {
      node(prefix)[holds ? 'fromSet' : 'fromClear'] |= bit;
    }
    for (const { prefix, holds } of line.to?.marks ?? []) {
      node(prefix)[holds ? 'toSet' : 'toClear'] |= bit;
    }
  }
  for (const [i, host] of hosts.entries()) {
    const { vlan } = host.binding;
    for (const { address } of host.addresses) {
      node(placeOf(address, vlan)).host = i + 1;
      if (vlan !== null) node(hostPrefix(address)).tagged = true;
    }
  }
  return nodes;
}

function invert(
  combinations: Combinations,
  entries: readonly AddressEntry[],
  defaultV4: AddressClass,
  defaultV6: AddressClass,
): Pick<AddressClasses, 'count' | 'classesOf' | 'hostsOf' | 'unscreened'> {
  const classesOf: number[][] = [];
  for (const [number, members] of combinations.members.entries()) {
    for (const set of members) {
      classesOf[set] ??= [];
      classesOf[set].push(number);
    }
  }
  const hostsOf = new Map<number, number[]>();
  const unscreened = new Set([defaultV4.peerClass, defaultV6.peerClass]);
  for (const { host, peerClass, tagged } of entries) {
    if (tagged) continue;
    if (host === 0) {
      unscreened.add(peerClass);
      continue;
    }
    const list = hostsOf.get(peerClass);
    if (list === undefined) hostsOf.set(peerClass, [host]);
    else list.push(host);
  }
  for (const [number, list] of hostsOf) hostsOf.set(number, sortedUnique(list));
  const count = combinations.members.length;
  return { count, classesOf, hostsOf, unscreened: sortedUnique(unscreened) };
}

/** Ascending, each number once. */
export function sortedUnique(numbers: Iterable<number>): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}
