import { type Prefix, sameBits } from './address.js';

/** A prefix and whether the addresses in it belong, unless a longer marked prefix says otherwise. */
export interface Mark {
  readonly prefix: Prefix;
  readonly holds: boolean;
}

/** A set of addresses: the longest mark that holds an address speaks for it, else its family's word. */
export interface PrefixSet {
  readonly v4: boolean;
  readonly v6: boolean;
  readonly marks: readonly Mark[];
}

/** Every address of both families. */
export const EVERYTHING: PrefixSet = { v4: true, v6: true, marks: [] };

/** The set of all addresses in the given prefixes. */
export function setOf(prefixes: Iterable<Prefix>): PrefixSet {
  const marks = new Map<string, Mark>();
  for (const prefix of prefixes) marks.set(prefix.key, { prefix, holds: true });
  return { v4: false, v6: false, marks: [...marks.values()] };
}

/** All addresses of both families that are not in the set. */
export function complement(set: PrefixSet): PrefixSet {
  const marks = set.marks.map(({ prefix, holds }) => ({ prefix, holds: !holds }));
  return { v4: !set.v4, v6: !set.v6, marks };
}

/** All addresses that are in at least one of the sets. */
export function union(sets: readonly PrefixSet[]): PrefixSet {
  if (sets.length === 1) return sets[0]!;
  if (sets.every(isPlain))
    return setOf(sets.flatMap((set) => set.marks.map((mark) => mark.prefix)));
  const prefixes = new Map<string, Prefix>();
  const words = sets.map((set) => {
    const word = new Map<string, boolean>();
    for (const { prefix, holds } of set.marks) {
      prefixes.set(prefix.key, prefix);
      word.set(prefix.key, holds);
    }
    return word;
  });
  const v4 = sets.map((set) => set.v4);
  const v6 = sets.map((set) => set.v6);
  const marks: Mark[] = [];
  sweep(prefixes.values(), { v4, v6 }, (parent, prefix) => {
    const state = parent.map((holds, i) => words[i]!.get(prefix.key) ?? holds);
    marks.push({ prefix, holds: state.includes(true) });
    return state;
  });
  return { v4: v4.includes(true), v6: v6.includes(true), marks };
}

/** No address is taken out again, so that marks can be put together without looking at nesting. */
function isPlain(set: PrefixSet): boolean {
  return !set.v4 && !set.v6 && set.marks.every((mark) => mark.holds);
}

/**
 * Visits prefixes so that each comes after those that hold it, IPv4 first. `step` gets the state of
 * the longest prefix that holds this one (or of the family's root) and returns the state of its own.
 */
export function sweep<State>(
  prefixes: Iterable<Prefix>,
  roots: { readonly v4: State; readonly v6: State },
  step: (parent: State, prefix: Prefix) => State,
): void {
  const sorted = [...prefixes].sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const family of [4, 6] as const) {
    const root = family === 4 ? roots.v4 : roots.v6;
    const stack: { prefix: Prefix; state: State }[] = [];
    for (const prefix of sorted) {
      if (prefix.family !== family) continue;
      while (stack.length > 0 && !covers(stack[stack.length - 1]!.prefix, prefix)) stack.pop();
      const parent = stack.length > 0 ? stack[stack.length - 1]!.state : root;
      stack.push({ prefix, state: step(parent, prefix) });
    }
  }
}

function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && sameBits(outer.address, inner.address, outer.length);
}
