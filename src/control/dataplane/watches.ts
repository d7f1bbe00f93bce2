/** The `onDrop`s of a plan in the shape that the packet path reads. */
import * as layouts from '../../generated/layouts.js';
import type { DropReason, OnDrop, Plan } from '../policy/plan.js';
import type { Clock } from './clock.js';
import type { Numbering } from './numbering.js';

const { Reason, WatchFlags, WatchLimits } = layouts;

const REASONS: Readonly<Record<DropReason, number>> = {
  'bad-flags': Reason.BAD_FLAGS,
  'bad-phase': Reason.BAD_PHASE,
  'out-of-window': Reason.OUT_OF_WINDOW,
  denied: Reason.DENIED,
  'no-state': Reason.NO_STATE,
  fragment: Reason.FRAGMENT,
  'fragment-overlap': Reason.FRAGMENT_OVERLAP,
  'no-out': Reason.NO_OUT,
  'no-in': Reason.NO_IN,
  'not-screened': Reason.NOT_SCREENED,
};
const SIDES = {
  uplink: WatchFlags.UPLINK,
  inside: WatchFlags.INSIDE,
  both: WatchFlags.UPLINK | WatchFlags.INSIDE,
} as const;
const ALL_LINES = 0xffffffffffffffffn;
const NONE: layouts.Watch = {
  reasons: 0n,
  lines: 0n,
  exempt: 0n,
  window: 0n,
  exemptGroups: 0,
  group: 0,
  after: 0,
  flags: 0,
};

/** What map `watches` holds for a plan. */
export function watchesValue(
  plan: Plan,
  numbering: Numbering,
  clock: Pick<Clock, 'jiffies'>,
): Buffer {
  const watch = plan.onDrop.map((one) => watchValue(plan, one, numbering, clock));
  while (watch.length < WatchLimits.MAX_WATCHES) watch.push(NONE);
  return layouts.watches.encode({ count: plan.onDrop.length, pad: 0, watch });
}

/** One whose group has no number yet is for a plan that judges no frame. */
function watchValue(
  { dynamicGroups }: Plan,
  one: OnDrop,
  { groupBits }: Numbering,
  clock: Pick<Clock, 'jiffies'>,
): layouts.Watch {
  const { name, allowScreened } = dynamicGroups[one.group]!;
  const group = groupBits.get(name) ?? 0;
  const exempt = one.exemptGroups.map((index) => groupBits.get(dynamicGroups[index]!.name));
  return {
    reasons: one.reasons.reduce((mask, reason) => mask | (1n << BigInt(REASONS[reason])), 0n),
    lines: one.line === null ? ALL_LINES : 1n << BigInt(one.line),
    exempt: 1n << BigInt(one.exemptBit),
    window: clock.jiffies(one.windowSeconds),
    exemptGroups: exempt.reduce<number>(
      (mask, bit) => (bit === undefined ? mask : (mask | (1 << bit)) >>> 0),
      0,
    ),
    group,
    after: one.after,
    flags:
      SIDES[one.side] |
      (one.spoofable ? WatchFlags.SPOOFABLE : 0) |
      (allowScreened ? WatchFlags.SCREENED : 0),
  };
}
