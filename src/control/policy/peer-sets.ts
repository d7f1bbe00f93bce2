import { hostPrefix, type Prefix, readAddress } from './address.js';
import type { PeerItem, Peers, Policy, ResolvedNames } from './ast.js';
import { placeOf } from './bindings.js';
import { PolicyError, quote } from './errors.js';
import { peersText } from './peers.js';
import { complement, EVERYTHING, type PrefixSet, setOf, union } from './prefix-set.js';

/** Turns peers of one policy into sets of addresses; each group is worked out once. */
export class PeerSets {
  readonly #policy: Policy;
  readonly #names: ReadonlyMap<string, readonly Prefix[]>;
  readonly #groups = new Map<string, PrefixSet>();

  /** @throws PolicyError when a DNS name of the policy is not among the resolved ones. */
  constructor(policy: Policy, names: ResolvedNames) {
    this.#policy = policy;
    this.#names = resolvePrefixes(policy, names);
  }

  /** The union of peers. Dynamic groups hold nothing here. */
  of(peers: Peers): PrefixSet {
    return peers.length === 0 ? EMPTY : union(peers.map((item) => this.ofItem(item)));
  }

  ofItem(item: PeerItem): PrefixSet {
    switch (item.kind) {
      case 'any':
        return EVERYTHING;
      case 'prefix':
        return setOf([item.prefix]);
      case 'name':
        return setOf(this.#names.get(item.name)!);
      case 'host': {
        const { addresses, binding } = this.#policy.hosts.get(item.name)!;
        return setOf(addresses.map(({ address }) => placeOf(address, binding.vlan)));
      }
      case 'not':
        return complement(this.of(item.items));
      case 'group':
        return this.#group(item.name);
    }
  }

  #group(name: string): PrefixSet {
    let set = this.#groups.get(name);
    if (set === undefined) {
      set = this.of(this.#policy.groups.get(name)!.items);
      this.#groups.set(name, set);
    }
    return set;
  }
}

const EMPTY: PrefixSet = { v4: false, v6: false, marks: [] };

/** Addresses of every DNS name that a policy uses, see {@link ResolvedNames}. */
export function resolvePrefixes(
  policy: Policy,
  names: ResolvedNames,
): ReadonlyMap<string, readonly Prefix[]> {
  const resolved = new Map<string, readonly Prefix[]>();
  for (const { name, position } of policy.names) {
    const texts = names.get(name) ?? [];
    if (texts.length === 0) {
      const hint = 'correct the name, or write the address itself';
      throw new PolicyError('unresolved', position, `${quote(name)} has no address`, hint);
    }
    const prefixes = texts.map((text) => {
      const address = readAddress(text);
      if (address instanceof Uint8Array) return hostPrefix(address);
      const problem = `${quote(name)} resolves to ${quote(text)}, which cannot be used`;
      throw new PolicyError('unresolved', position, problem, address.hint);
    });
    resolved.set(name, prefixes);
  }
  return resolved;
}

/** The single peers that decide classes: each distinct one gets a number. */
export class PeerIndex {
  readonly #numbers = new Map<string, number>();
  readonly #sets: PrefixSet[] = [];
  readonly #source: PeerSets;

  constructor(source: PeerSets) {
    this.#source = source;
  }

  get sets(): readonly PrefixSet[] {
    return this.#sets;
  }

  /** Numbers of the parts of peers, new ones included; null when `any` is among them. */
  numbers(peers: Peers): number[] | null {
    const numbers: number[] = [];
    for (const item of peers) {
      if (item.kind === 'any') return null;
      const text = peersText([item]);
      let number = this.#numbers.get(text);
      if (number === undefined) {
        number = this.#sets.length;
        this.#numbers.set(text, number);
        this.#sets.push(this.#source.ofItem(item));
      }
      numbers.push(number);
    }
    return numbers;
  }
}
