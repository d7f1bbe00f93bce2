/** Is a new connection one too many? By the rates of its rules, of its host and of its source, and by what
 * host and source hold. */
import { addressKey } from '../address.js';
import { placeOf } from '../bindings.js';
import type { Opening } from '../opening.js';
import { rateOf } from '../rates.js';
import { Allowances } from './allowances.js';
import { Holdings } from './holdings.js';
import { type Allowing, screenedHost, type World } from './judge.js';

/** When it is asked. */
export interface Circumstances {
  readonly now: number;
  /** Somebody sweeps: what is held is known. */
  readonly believed: boolean;
}

export class Limits {
  readonly holdings = new Holdings();
  readonly #allowances: Allowances;

  constructor(hz: number) {
    this.#allowances = new Allowances(hz);
  }

  /** Forgets what is left to rules that are no more. */
  keep(rules: ReadonlySet<string>): void {
    this.#allowances.keep((name) => !name.startsWith('rule ') || rules.has(name.slice(5)));
  }

  /** Why it is one too many; null: it is not, and has taken from every rate. */
  excess(
    world: World,
    { source, destination, tags }: Opening,
    allowing: readonly Allowing[],
    { now, believed }: Circumstances,
  ): 'rate' | 'limit' | null {
    const host = screenedHost(world, destination, tags);
    const rates = allowing.map(({ rule, rate }): [string, string] => [`rule ${rule}`, rate]);
    if (host !== null) {
      const { vlan } = host.binding;
      const place = placeOf(host.addresses[0]!.address, vlan);
      rates.push([`host ${place.key}`, host.limit.rate]);
    }
    if (screenedHost(world, source, tags) === null) {
      rates.push([`source ${addressKey(source)}`, world.policy.sourceLimit.rate]);
    }
    const limited = rates.flatMap(([name, text]) => {
      const rate = rateOf(text);
      return rate === null ? [] : [{ name, rate }];
    });
    const isFull = () =>
      believed && this.holdings.isFull(world, { source, destination, ...(tags && { tags }) });
    return this.#allowances.take(limited, now, () => (isFull() ? 'limit' : null));
  }
}
