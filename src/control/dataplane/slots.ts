/**
 * Numbers for names: counter slots for rule ids, bits for dynamic groups. A name keeps its number
 * for as long as it lives, so that counters and members survive a reload.
 */

/** No number was left for a name. */
export class SlotsExhaustedError extends Error {
  constructor(readonly capacity: number) {
    super(`more than ${capacity} are in use`);
    this.name = 'SlotsExhaustedError';
  }
}

export interface SlotRange {
  readonly first: number;
  readonly count: number;
}

export interface SlotAssignment {
  readonly slots: ReadonlyMap<string, number>;
  /** Numbers given to names that had none; what they index is to be cleared before use. */
  readonly fresh: readonly number[];
}

/**
 * Numbers for `names`: the ones they have in `held`, free ones of `range` for the rest. Numbers that
 * `held` gave to names no longer wanted are taken last, for packets of the generation before may
 * still count there; with `reserve` they are not taken at all, for that generation may come back.
 * @throws SlotsExhaustedError
 */
export function assignSlots(
  names: Iterable<string>,
  held: ReadonlyMap<string, number>,
  range: SlotRange,
  reserve = false,
): SlotAssignment {
  const slots = new Map<string, number>();
  const homeless: string[] = [];
  for (const name of new Set(names)) {
    const slot = held.get(name);
    if (slot === undefined) homeless.push(name);
    else slots.set(name, slot);
  }
  if (slots.size + homeless.length > range.count) throw new SlotsExhaustedError(range.count);
  const living = new Set(slots.values());
  const leaving = [...held.values()].filter((slot) => !living.has(slot));
  const last = reserve ? [] : leaving;
  const free = freeNumbers(range, new Set([...living, ...leaving]), last);
  const fresh: number[] = [];
  for (const name of homeless) {
    const { value, done } = free.next();
    if (done) throw new SlotsExhaustedError(range.count);
    slots.set(name, value);
    fresh.push(value);
  }
  return { slots, fresh };
}

function* freeNumbers(
  range: SlotRange,
  taken: ReadonlySet<number>,
  last: readonly number[],
): Generator<number, void> {
  for (let slot = range.first; slot < range.first + range.count; slot++) {
    if (!taken.has(slot)) yield slot;
  }
  yield* last;
}
