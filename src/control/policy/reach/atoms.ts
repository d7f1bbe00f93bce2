/** Two plans laid over each other: regions of addresses that each of them treats as one. */
import type { Sliced } from '../../slices.js';
import {
  formatAddress,
  formatPrefix,
  fromV4,
  makePrefix,
  type Prefix,
  prefixHolds,
} from '../address.js';
import { placeOf, vlanOfPlace } from '../bindings.js';
import type { AddressClass, AddressEntry, Plan } from '../plan.js';

/** Of an address that hosts have in VLANs: `tagged` where it is nobody's. */
export type AtomClass = AddressClass & Partial<Pick<AddressEntry, 'tagged'>>;

/** A prefix without the longer ones inside it; every address is in exactly one of them. */
export interface Atom {
  readonly prefix: Prefix;
  /** Index of the next shorter prefix around it; -1: it is a whole family. */
  readonly parent: number;
  /** What the two plans make of its addresses; null: there is no such plan. */
  readonly before: AtomClass | null;
  readonly after: AtomClass | null;
}

/** Prefixes looked at between two yields. */
const SLICE = 1024;
const FAMILIES = [makePrefix(fromV4(new Uint8Array(4)), 96), makePrefix(new Uint8Array(16), 0)];

/** In the order of addresses, shorter prefixes first. */
export function* atomsOf(before: Plan | null, after: Plan): Sliced<Atom[]> {
  const prefixes = new Map(FAMILIES.map((prefix) => [sortKey(prefix), prefix]));
  yield;
  const [old, now] = [entriesOf(before, prefixes), entriesOf(after, prefixes)];
  yield;
  const atoms: Atom[] = [];
  const around: number[] = [];
  for (const [i, key] of [...prefixes.keys()].sort().entries()) {
    if (i % SLICE === 0) yield;
    const prefix = prefixes.get(key)!;
    while (around.length > 0 && !prefixHolds(atoms[around.at(-1)!]!.prefix, prefix.address))
      around.pop();
    const parent = around.at(-1) ?? -1;
    const outer = atoms[parent];
    atoms.push({
      prefix,
      parent,
      before: old.get(key) ?? outer?.before ?? defaultOf(before, prefix),
      after: now.get(key) ?? outer?.after ?? defaultOf(after, prefix),
    });
    around.push(i);
  }
  return atoms;
}

/**
 * The shortest true description of some atoms: prefixes, each with those inside it that are not meant.
 * `any` stands for both families.
 *
 * @param chosen by index
 */
export function describeAtoms(atoms: readonly Atom[], chosen: ReadonlySet<number>): string[] {
  const left = new Map<number, string[]>();
  const top = new Map<number, number>();
  const found: number[] = [];
  for (const [i, { parent, prefix }] of atoms.entries()) {
    const within = top.get(parent) ?? -1;
    if (chosen.has(i)) {
      if (parent === -1 || !chosen.has(parent)) found.push(i);
      top.set(i, parent !== -1 && chosen.has(parent) ? within : i);
    } else if (parent !== -1 && chosen.has(parent)) {
      left.set(within, [...(left.get(within) ?? []), placeText(prefix)]);
    }
  }
  const roots = found.filter((i) => atoms[i]!.parent === -1);
  const whole = roots.length === 2;
  const texts = whole
    ? [
        withLeft(
          'any',
          roots.flatMap((i) => left.get(i) ?? []),
        ),
      ]
    : [];
  for (const i of found) {
    if (whole && roots.includes(i)) continue;
    texts.push(withLeft(placeText(atoms[i]!.prefix), left.get(i) ?? []));
  }
  return texts;
}

/** `10.0.0.0/8`; `10.0.0.1 in VLAN 100.10`, `10.0.0.1 untagged`. */
function placeText(prefix: Prefix): string {
  const vlan = vlanOfPlace(prefix);
  if (vlan === null) return formatPrefix(prefix);
  const tags = vlan.filter((vid) => vid !== 0);
  const where = tags.length === 0 ? 'untagged' : `in VLAN ${tags.join('.')}`;
  return `${formatAddress(prefix.address.subarray(0, 16))} ${where}`;
}

const MOST_LEFT = 8;

function withLeft(text: string, left: readonly string[]): string {
  if (left.length === 0) return text;
  const shown = left.slice(0, MOST_LEFT).join(', ');
  const more = left.length > MOST_LEFT ? ` and ${left.length - MOST_LEFT} more` : '';
  return `${text} but not ${shown}${more}`;
}

function entriesOf(plan: Plan | null, into: Map<string, Prefix>): Map<string, AtomClass> {
  const classes = new Map<string, AtomClass>();
  for (const entry of plan?.addresses ?? []) {
    const { address, length, vlan } = entry;
    const prefix = vlan === null ? makePrefix(address, length) : placeOf(address, vlan);
    classes.set(sortKey(prefix), entry);
    into.set(sortKey(prefix), prefix);
  }
  return classes;
}

function defaultOf(plan: Plan | null, { family }: Prefix): AddressClass | null {
  if (plan === null) return null;
  return family === 4 ? plan.defaultV4 : plan.defaultV6;
}

/** Sorts by family, address, length: whoever holds another one comes before it. */
function sortKey({ family, key }: Prefix): string {
  return `${family} ${key}`;
}
