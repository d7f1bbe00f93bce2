import { isV4, maskAddress, prefixKey } from './address.js';
import { placeOf, vlanOf } from './bindings.js';
import { bothDetours } from './detour.js';
import type { Judgement, Members, Opening } from './opening.js';
import {
  type AddressClass,
  type AddressEntry,
  type MatrixEntry,
  PEER_ANY,
  type Plan,
} from './plan.js';

/** The rule that speaks for an opening. */
interface Speaker {
  readonly rule: number;
  readonly log: boolean;
}

/** With what only entries of single addresses have. */
type Class = AddressClass & Partial<Pick<AddressEntry, 'tagged'>>;

/** Judges openings by the tables of a plan, lookup by lookup as the packet path does it. */
export class PlanEvaluator {
  readonly #plan: Plan;
  /** One table for each prefix length that occurs, longest first. IPv4 by its 32 bits: it is many. */
  readonly #v4: { readonly length: number; readonly classes: Map<number, AddressClass> }[] = [];
  readonly #v6: { readonly length: number; readonly classes: Map<string, AddressClass> }[] = [];
  /** Of addresses that hosts have in VLANs, by {@link placeOf}. */
  readonly #places = new Map<string, AddressClass>();
  readonly #matrix = new Map<string, MatrixEntry>();

  constructor(plan: Plan) {
    this.#plan = plan;
    for (const entry of plan.addresses) {
      if (entry.vlan !== null) {
        this.#places.set(placeOf(entry.address, entry.vlan).key, entry);
      } else if (isV4(entry.address)) {
        tableOf(this.#v4, entry.length).set(bitsOf(entry.address, entry.length), entry);
      } else {
        tableOf(this.#v6, entry.length).set(prefixKey(entry.address, entry.length), entry);
      }
    }
    this.#v4.sort((a, b) => b.length - a.length);
    this.#v6.sort((a, b) => b.length - a.length);
    for (const entry of plan.matrix) {
      const { direction, host, peer, serviceClass } = entry;
      this.#matrix.set(matrixKey(direction, host, peer, serviceClass), entry);
    }
  }

  judge(opening: Opening, members: Members): Judgement {
    const source = this.#classify(opening.source, opening.tags);
    const destination = this.#classify(opening.destination, opening.tags);
    if (source.host !== 0 && opening.fromUplink) return drop('spoofed');
    const denied = this.#denied(opening, source, destination, members);
    if (denied !== null) return denied;
    const serviceClass = opening.code === null ? 0 : this.#plan.services[opening.code]!;
    const find = (direction: MatrixEntry['direction'], host: number, peer: number) =>
      this.#speaker(this.#find(direction, host, peer, serviceClass), opening, members);
    if (source.tagged || destination.tagged) return drop('not-screened');
    if (source.host === 0 && destination.host === 0) {
      const transit = find('transit', source.peerClass, destination.peerClass);
      return transit === null
        ? drop('not-screened')
        : accept({ transit: this.#id(transit) }, transit.log, this.#detour(transit));
    }
    let out: Speaker | null = null;
    if (source.host !== 0) {
      out = find('out', source.host, destination.peerClass);
      if (out === null) return drop('no-out');
    }
    const outRule = out === null ? {} : { out: this.#id(out) };
    const outLog = out?.log ?? false;
    const asked = out === null ? 0 : this.#detour(out);
    if (destination.host === 0) return accept(outRule, outLog, asked);
    const into = find('in', destination.host, source.peerClass);
    if (into === null) return drop('no-in', outRule);
    const detour = bothDetours(asked, this.#detour(into));
    return accept({ ...outRule, in: this.#id(into) }, outLog || into.log, detour);
  }

  /** The class of an address in its VLANs; `tagged`: it is nobody's there. */
  #classify(address: Uint8Array, tags: Opening['tags'] = [0, 0]): Class {
    const found: Class = this.#longest(address);
    if (!found.tagged) return found;
    const vlan = vlanOf(tags);
    return (vlan && this.#places.get(placeOf(address, vlan).key)) ?? found;
  }

  /** The class of the longest prefix that holds an address. */
  #longest(address: Uint8Array): AddressClass {
    if (isV4(address)) {
      for (const { length, classes } of this.#v4) {
        const found = classes.get(bitsOf(address, length));
        if (found !== undefined) return found;
      }
      return this.#plan.defaultV4;
    }
    for (const { length, classes } of this.#v6) {
      const found = classes.get(prefixKey(maskAddress(address, length), length));
      if (found !== undefined) return found;
    }
    return this.#plan.defaultV6;
  }

  #denied(
    { source, destination, code }: Opening,
    sourceClass: AddressClass,
    destinationClass: AddressClass,
    members: Members,
  ): Judgement | null {
    const { dynamicGroups, deny, serviceDeny, services } = this.#plan;
    const masks = code === null ? 0n : serviceDeny[services[code]!]!;
    const holds = (groups: readonly number[], address: Uint8Array): boolean =>
      groups.some((group) => members(dynamicGroups[group]!.name, address));
    for (const [i, line] of deny.entries()) {
      const bit = 1n << BigInt(i);
      const from = (sourceClass.denyFrom & bit) !== 0n || holds(line.dynamicFrom, source);
      const to = (destinationClass.denyTo & bit) !== 0n || holds(line.dynamicTo, destination);
      if (from && to && (line.allServices || (masks & bit) !== 0n)) {
        return { ...drop('denied', { deny: this.#plan.rules.ids[line.rule]! }), log: line.log };
      }
    }
    return null;
  }

  #find(
    direction: MatrixEntry['direction'],
    host: number,
    peer: number,
    serviceClass: number,
  ): MatrixEntry | null {
    return (
      this.#matrix.get(matrixKey(direction, host, peer, serviceClass)) ??
      this.#matrix.get(matrixKey(direction, host, PEER_ANY, serviceClass)) ??
      null
    );
  }

  /** The first alternative that holds both ends, or else the entry's own rule. */
  #speaker(
    entry: MatrixEntry | null,
    { source, destination }: Opening,
    members: Members,
  ): Speaker | null {
    if (entry === null) return null;
    const { dynamicGroups } = this.#plan;
    const holds = (groups: number, address: Uint8Array): boolean =>
      groups === 0 ||
      dynamicGroups.some(({ name }, i) => (groups >>> i) & 1 && members(name, address));
    const { rule, log, alternatives } = entry;
    const found = alternatives.find(
      ({ from, to }) => holds(from, source) && holds(to, destination),
    );
    return found ?? (rule === null ? null : { rule, log });
  }

  #detour({ rule }: Speaker): number {
    return this.#plan.rules.options(rule).detour;
  }

  #id({ rule }: Speaker): string {
    return this.#plan.rules.ids[rule]!;
  }
}

function tableOf<K>(
  tables: { readonly length: number; readonly classes: Map<K, AddressClass> }[],
  length: number,
): Map<K, AddressClass> {
  const known = tables.find((table) => table.length === length);
  if (known !== undefined) return known.classes;
  const classes = new Map<K, AddressClass>();
  tables.push({ length, classes });
  return classes;
}

/** The IPv4 address in the last four of 16 bytes, with what is past `length` of 128 bits cleared. */
function bitsOf(address: Uint8Array, length: number): number {
  const bits = (address[12]! << 24) | (address[13]! << 16) | (address[14]! << 8) | address[15]!;
  // Shifts count modulo 32: a whole word must not be shifted by none.
  return length <= 96 ? 0 : bits & (-1 << (128 - length));
}

function matrixKey(direction: string, host: number, peer: number, serviceClass: number): string {
  return `${direction} ${host} ${peer} ${serviceClass}`;
}

const NO_RULES = { out: null, in: null, transit: null, deny: null };

function drop(reason: Judgement['reason'], rules: Partial<Judgement['rules']> = {}): Judgement {
  return { verdict: 'drop', reason, rules: { ...NO_RULES, ...rules }, log: false, detour: 0 };
}

function accept(rules: Partial<Judgement['rules']>, log: boolean, detour: number): Judgement {
  return { verdict: 'accept', reason: 'none', rules: { ...NO_RULES, ...rules }, log, detour };
}

/** Judges one opening by a plan; for many, make one {@link PlanEvaluator}. */
export function judgePlan(plan: Plan, opening: Opening, members: Members): Judgement {
  return new PlanEvaluator(plan).judge(opening, members);
}
