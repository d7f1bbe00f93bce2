/** Rates and limits of a plan in the shapes that the packet path reads. */
import * as layouts from '../../generated/layouts.js';
import { readAddress } from '../policy/address.js';
import { isLimit, type Limit, NO_LIMIT } from '../policy/limits.js';
import type { Plan } from '../policy/plan.js';
import { rateOf } from '../policy/rates.js';
import type { Sliced } from '../slices.js';
import { taggedLength } from './bindings.js';
import type { Packed } from './generation.js';
import { type Numbering, slotsOf } from './numbering.js';

const { GenerationFlags, HolderKind } = layouts;

/** Rules by their index that do not let every connection through, and what holds for all of their host. */
export type LimitedRules = ReadonlyMap<number, LimitedRule>;

interface LimitedRule {
  readonly limit: Limit;
  readonly name: Uint8Array;
  readonly kind: number;
}

const NO_HOST = { limit: NO_LIMIT, name: new Uint8Array(16), kind: HolderKind.SOURCE } as const;
/** Entries encoded between two yields. */
const SLICE = 1024;

export function limitedRules({ hosts, rules }: Plan): LimitedRules {
  const limits = new Map(
    hosts
      .filter(({ limit }) => isLimit(limit))
      .map(({ name, limit, addresses, binding: { vlan } }) => {
        const kind = vlan === null ? HolderKind.HOST : taggedLength(vlan);
        return [name, { limit, name: bytesOf(addresses[0]!), kind }];
      }),
  );
  const limited = new Map<number, LimitedRule>();
  // Most policies have none.
  if (limits.size === 0 && rules.columns.options.every(({ rate }) => rate === '')) return limited;
  for (let i = 0; i < rules.length; i++) {
    const own = rules.direction(i) === 'in' ? limits.get(rules.host(i)) : undefined;
    if (own !== undefined || rules.options(i).rate !== '') limited.set(i, own ?? NO_HOST);
  }
  return limited;
}

function bytesOf(text: string): Uint8Array {
  const address = readAddress(text);
  if (!(address instanceof Uint8Array)) throw new TypeError(`${text}: ${address.problem}`);
  return address;
}

/** Entries of `rule_limits`. */
export function* packRuleLimits(plan: Plan, numbering: Numbering): Sliced<Packed> {
  const limited = limitedRules(plan);
  const keys = Buffer.alloc(limited.size * 4);
  const values = Buffer.alloc(limited.size * layouts.ruleLimit.size);
  let at = 0;
  for (const [index, { limit, name, kind }] of limited) {
    if (at % SLICE === 0) yield;
    const { rate } = plan.rules.options(index);
    keys.writeUInt32LE(slotsOf(plan, numbering)[index]!, at * 4);
    const value = { rate: rateValue(rate), host: limitValue(limit), name: { byte: name }, kind };
    layouts.ruleLimit.encode(value, values, at * layouts.ruleLimit.size);
    at++;
  }
  return { keys, values, count: limited.size };
}

export function limitValue({ states, rate }: Limit): layouts.Limit {
  return { rate: rateValue(rate), states };
}

function rateValue(text: string): layouts.Rate {
  return rateOf(text) ?? { count: 0, seconds: 0 };
}

/** Flags of the generation: what has to be looked at although no rule says so. */
export function limitFlags({ hosts, sourceLimit }: Plan): number {
  const holders = sourceLimit.states !== 0 || hosts.some(({ limit }) => isLimit(limit));
  return (
    (isLimit(sourceLimit) ? GenerationFlags.SOURCES : 0) | (holders ? GenerationFlags.HOLDERS : 0)
  );
}
