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
  const end = range.first + range.count;
  let room = end;
  for (const slot of held.values()) if (slot >= room) room = slot + 1;
  const isTaken = new Uint8Array(room);
  for (const name of names) {
    const slot = held.get(name);
    if (slot === undefined) {
      homeless.push(name);
      continue;
    }
    slots.set(name, slot);
    isTaken[slot] = 1;
  }
  const leaving: number[] = [];
  for (const slot of held.values()) if (isTaken[slot] === 0) leaving.push(slot);
  for (const slot of leaving) isTaken[slot] = 1;
  const fresh: number[] = [];
  let [free, last] = [range.first, 0];
  for (const name of homeless) {
    if (slots.has(name)) continue;
    while (free < end && isTaken[free] === 1) free++;
    const slot = free < end ? free++ : reserve ? undefined : leaving[last++];
    if (slot === undefined) throw new SlotsExhaustedError(range.count);
    slots.set(name, slot);
    fresh.push(slot);
  }
  if (slots.size > range.count) throw new SlotsExhaustedError(range.count);
  return { slots, fresh };
}
