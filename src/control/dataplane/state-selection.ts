/** Which states are meant, as the kernel is told (bpf/state_filter.h). */
import * as layouts from '../../generated/layouts.js';
import type { Prefix } from '../policy/index.js';
import type { Clock } from './clock.js';
import type { Picked, Picks } from './picks.js';

const { EndField, FilterField, FilterHalf } = layouts;

/** What is asked of an end; every field that is set must match. */
export interface EndSelection {
  readonly port?: number;
  readonly prefix?: Prefix;
  /** It is one of these, 16 bytes each. */
  readonly addresses?: readonly Uint8Array[];
}

/** States; every field that is set must match. */
export interface StateSelection {
  /** IP protocol. */
  readonly proto?: number;
  readonly family?: 4 | 6;
  /** `enum phase`. */
  readonly phase?: number;
  /** Of either tag. */
  readonly vlan?: number;
  /** Slot of one of its rules. */
  readonly rule?: number;
  /** It has a rule of that kind. */
  readonly half?: 'out' | 'in' | 'transit';
  /** Each of its fields at either end. */
  readonly either?: EndSelection;
  /** The end that opened the connection. */
  readonly source?: EndSelection;
  readonly destination?: EndSelection;
  /** Seconds since it was opened, at least. */
  readonly older?: number;
  /** Seconds since it was opened that are too many. */
  readonly younger?: number;
  /** Seconds since its last packet, at least. */
  readonly idle?: number;
  /** Seconds until it expires if nothing more is seen, at most. */
  readonly expires?: number;
}

/** A filter that holds on to the addresses it names, until it is released. */
export interface HeldFilter extends Disposable {
  readonly filter: layouts.StateFilter;
}

const HALVES = { out: FilterHalf.OUT, in: FilterHalf.IN, transit: FilterHalf.TRANSIT } as const;

/** @throws DataplaneError `busy` when too many filters name addresses */
export function holdFilter(
  selection: StateSelection,
  clock: Pick<Clock, 'jiffies'>,
  picks: Picks,
): HeldFilter {
  const held: Picked[] = [];
  const release = () => {
    for (const picked of held) picked[Symbol.dispose]();
  };
  try {
    const end = [selection.either, selection.source, selection.destination].map((one = {}) => {
      if (one.addresses !== undefined) held.push(picks.hold(one.addresses));
      return endFilter(one, one.addresses === undefined ? 0 : held.at(-1)!.bit);
    });
    return { filter: filterOf(selection, end, clock), [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

function filterOf(
  selection: StateSelection,
  end: layouts.EndFilter[],
  clock: Pick<Clock, 'jiffies'>,
): layouts.StateFilter {
  const { proto, family, phase, vlan, rule, half, older, younger, idle, expires } = selection;
  let fields = 0;
  if (proto !== undefined) fields |= FilterField.PROTO;
  if (family !== undefined) fields |= FilterField.FAMILY;
  if (phase !== undefined) fields |= FilterField.PHASE;
  if (vlan !== undefined) fields |= FilterField.VLAN;
  if (rule !== undefined) fields |= FilterField.RULE;
  if (half !== undefined) fields |= FilterField.HALF;
  if (older !== undefined) fields |= FilterField.OLDER;
  if (younger !== undefined) fields |= FilterField.YOUNGER;
  if (idle !== undefined) fields |= FilterField.IDLE;
  if (expires !== undefined) fields |= FilterField.EXPIRES;
  return {
    ...{ end, fields },
    ...{ proto: proto ?? 0, family: family ?? 0, phase: phase ?? 0, vlan: vlan ?? 0 },
    ...{ rule: rule ?? 0, half: HALVES[half ?? 'out'], pad: new Uint8Array(2) },
    older: clock.jiffies(older ?? 0),
    younger: clock.jiffies(younger ?? 0),
    idle: clock.jiffies(idle ?? 0),
    expires: clock.jiffies(expires ?? 0),
  };
}

function endFilter({ port, prefix, addresses }: EndSelection, picked: number): layouts.EndFilter {
  const mask = maskOf(prefix?.length ?? 0);
  const bytes = prefix?.address.map((byte, i) => byte & mask[i]!) ?? new Uint8Array(16);
  let fields = 0;
  if (port !== undefined) fields |= EndField.PORT;
  if (prefix !== undefined) fields |= EndField.ADDRESS;
  if (addresses !== undefined) fields |= EndField.PICKED;
  return {
    ...{ fields, picked, port: port ?? 0, family: prefix?.family ?? 0 },
    ...{ address: { byte: bytes }, mask: { byte: mask } },
  };
}

function maskOf(length: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => {
    const bits = Math.min(8, Math.max(0, length - i * 8));
    return (0xff00 >> bits) & 0xff;
  });
}
