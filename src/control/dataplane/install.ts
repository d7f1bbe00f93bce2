/**
 * From a plan to packets, in three steps. Stage: inner maps are made and filled for a slot that
 * nothing reads. Switch: one word. Retire: slots that are neither current nor its fallback are
 * emptied. Whatever fails before the switch leaves the wall exactly as it was.
 */
import { changeInner, type InnerChange } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import type { Plan } from '../policy/plan.js';
import { atOnce, inSlices, type Sliced } from '../slices.js';
import type { PortNumbers } from './bindings.js';
import { Cell } from './cell.js';
import { DataplaneError } from './errors.js';
import { checkSize, generationValue } from './generation.js';
import { BATCH, type InnerTables, makeTables, OUTER } from './inner-tables.js';
import type { Numbering } from './numbering.js';
import { type Dataplane, index } from './object.js';
import { assignSlots } from './slots.js';
import { damagedTables } from './verify.js';
import { watchesValue } from './watches.js';

const { Limits } = layouts;
/** What the cell names. Generation 0: no policy. */
export interface Current {
  readonly slot: number;
  readonly epoch: number;
  readonly generation: number;
  /** Null: it is confirmed. */
  readonly trial: Trial | null;
}

/** A generation that may be taken back. */
export interface Trial {
  /** Jiffies: from then on the fallback judges. */
  readonly deadline: bigint;
  readonly fallback: { readonly slot: number; readonly generation: number };
}

/** A plan with its numbers, ready to be staged. */
export interface Prepared extends Numbering {
  readonly plan: Plan;
  readonly generation: number;
  readonly freshRules: readonly number[];
  readonly freshBits: readonly number[];
}

/** What of a generation is not in its plan. */
interface Ends {
  readonly fallback: number;
  readonly deadline?: bigint;
}

/** A plan that lies in a slot and does not judge yet. */
interface Staged {
  readonly slot: number;
  readonly prepared: Prepared;
  readonly ends: () => Ends;
  readonly isFirst: boolean;
}

/** Puts plans into the kernel. Not to be used by two callers at once. */
export class Installer {
  readonly #dataplane: Dataplane;
  readonly #ports: () => PortNumbers;
  readonly cell: Cell;

  /** @param ports of the node, by name: to which hosts may be bound */
  constructor(dataplane: Dataplane, ports: () => PortNumbers) {
    this.#dataplane = dataplane;
    this.#ports = ports;
    this.cell = new Cell(dataplane.map('cell'));
  }

  /** What the cell names: not what judges, when its time is over. */
  current(): Current {
    const { slot, epoch, unconfirmed } = this.cell.read();
    const { number, deadline, fallback } = this.#generation(slot);
    const before = { slot: fallback, generation: this.#generation(fallback).number };
    const trial = unconfirmed ? { deadline, fallback: before } : null;
    return { slot, epoch, generation: number, trial };
  }

  /** What judges, by the clock of the packet path. */
  judging(): { readonly slot: number; readonly generation: number } {
    const { slot, generation, trial } = this.current();
    return trial !== null && this.#isOver(trial) ? trial.fallback : { slot, generation };
  }

  /** Seconds until the fallback judges; 0: it does. */
  secondsLeft({ deadline }: Trial): number {
    const { clock } = this.#dataplane;
    return clock.seconds(clock.now(), deadline);
  }

  /** Names of the tables of a slot that do not hold what this policy puts there; none: all is well. */
  damaged(slot: number, installed: Omit<Prepared, 'freshRules' | 'freshBits'>): Promise<string[]> {
    return inSlices(damagedTables(this.#dataplane, slot, installed, this.#ports()));
  }

  /** Keeps the generation that is on trial. False: too late, the fallback judges. */
  confirm(): boolean {
    const { trial } = this.current();
    if (trial === null) return true;
    if (this.#isOver(trial)) return false;
    this.cell.confirm();
    return true;
  }

  #isOver(trial: Trial): boolean {
    return this.#dataplane.clock.now() >= trial.deadline;
  }

  /** Dynamic groups whose members lines of the current generation ask for, as a bit mask. */
  usedGroups(): number {
    const { slot, trial } = this.current();
    const used = (of: number): number => {
      const { denyDynamic, ruleDynamic } = this.#generation(of);
      return denyDynamic | ruleDynamic;
    };
    return trial === null ? used(slot) : used(slot) | used(trial.fallback.slot);
  }

  /**
   * Gives rules and dynamic groups their numbers; changes nothing. With `reserve`, numbers of
   * `held` stay with their names, used or not.
   * @throws DataplaneError `too-large`
   * @throws SlotsExhaustedError
   */
  prepare(plan: Plan, generation: number, held: Numbering, reserve = false): Prepared {
    const counters = this.#dataplane.map('rule_counters').info.maxEntries;
    checkSize(plan, counters);
    const rules = assignSlots(
      plan.rules.ids,
      held.ruleSlots,
      { first: 1, count: counters - 1 },
      reserve,
    );
    const names = plan.dynamicGroups.map((group) => group.name);
    const range = { first: 0, count: Limits.MAX_DYNAMIC_GROUPS };
    const groups = assignSlots(names, held.groupBits, range, reserve);
    return {
      plan,
      generation,
      ruleSlots: rules.slots,
      groupBits: groups.slots,
      freshRules: rules.fresh,
      freshBits: groups.fresh,
    };
  }

  /**
   * Stages and switches. Members of bits that are fresh must have been cleared by the caller. With
   * `trial`, seconds from now or a time in jiffies, the generation before judges again from then on,
   * unless `confirm` comes.
   * @throws DataplaneError `install`, with nothing changed
   */
  install(prepared: Prepared, trial: number | bigint | null = null): void {
    const before = this.current().trial;
    const staged = atOnce(this.#stageNext(prepared, trial));
    this.#switch(staged, trial);
    // Both generations of a trial may have packets under way; the next install empties them.
    if (before === null) this.retire(this.current().slot);
  }

  /**
   * The same with turns of the event loop while it stages. The switch is the last that it does;
   * `retireInSlices` is left to the caller.
   * @param ready is called with the slot when all is staged, and waited for before the switch
   * @throws DataplaneError `install`, or what `ready` throws, with nothing changed
   */
  async installInSlices(
    prepared: Prepared,
    trial: number | bigint | null = null,
    ready: (slot: number) => Promise<void> = async () => {},
  ): Promise<void> {
    const staged = await inSlices(this.#stageNext(prepared, trial));
    try {
      await ready(staged.slot);
    } catch (error) {
      await inSlices(this.#empty(staged.slot));
      throw error;
    }
    this.#switch(staged, trial);
  }

  /** `retire` of what the current generation does not need, with turns of the event loop. */
  async retireInSlices(): Promise<void> {
    await inSlices(this.#retire(this.current().slot));
  }

  *#stageNext(prepared: Prepared, trial: number | bigint | null): Sliced<Staged> {
    const before = this.current();
    const judging = this.judging();
    yield* this.#retire(before.slot);
    const slot = this.#freeSlot(before.slot);
    const ends = () => ({
      fallback: judging.slot,
      ...(trial === null ? {} : { deadline: this.#deadline(trial) }),
    });
    yield* this.#build(slot, prepared, ends);
    return { slot, prepared, ends, isFirst: before.generation === 0 };
  }

  #switch({ slot, prepared, ends, isFirst }: Staged, trial: number | bigint | null): void {
    // The time of a trial begins when it does, not before the tables were filled.
    if (trial !== null) this.#describe(slot, prepared, ends());
    if (isFirst) this.judgingSince(this.#dataplane.clock.now());
    this.cell.switchTo(slot, trial !== null);
  }

  #describe(slot: number, { plan, generation, ...numbers }: Prepared, ends: Ends): void {
    const value = generationValue(plan, numbers, generation, ends);
    this.#dataplane.map('generations').update(index(slot), layouts.generation.encode(value));
  }

  /** Notes when the first policy on these tables began to judge, unless that is known. */
  judgingSince(jiffies: bigint): void {
    const map = this.#dataplane.map('judging_since');
    if (map.lookup(index(0))!.readBigUInt64LE(0) !== 0n) return;
    const value = Buffer.alloc(8);
    value.writeBigUInt64LE(jiffies);
    map.update(index(0), value);
  }

  /**
   * Stages a plan in a slot that nothing judges by, for as long as `work` takes; no other may be
   * staged meanwhile.
   * @throws DataplaneError `install`
   */
  async withCandidate<T>(prepared: Prepared, work: (slot: number) => Promise<T>): Promise<T> {
    const { slot: judging } = this.current();
    const slot = this.#freeSlot(judging);
    const groupBits = new Map(prepared.groupBits);
    // Their bits may be those of groups that still have members: these begin with none.
    for (const [name, bit] of groupBits)
      if (prepared.freshBits.includes(bit)) groupBits.delete(name);
    const bare = { ...prepared, groupBits, freshRules: [] };
    await inSlices(this.#build(slot, bare, () => ({ fallback: judging })));
    try {
      return await work(slot);
    } finally {
      await inSlices(this.#empty(slot));
    }
  }

  /** Fills a slot that nothing reads. @throws DataplaneError `install`, with nothing left behind */
  *#build(slot: number, prepared: Prepared, ends: () => Ends): Sliced<void> {
    let inner: Partial<InnerTables> = {};
    try {
      yield* this.#clearCounters(prepared.freshRules);
      inner = yield* this.#stage(slot, prepared);
      const watches = watchesValue(prepared.plan, prepared, this.#dataplane.clock);
      this.#dataplane.map('watches').update(index(slot), watches);
      this.#describe(slot, prepared, ends());
    } catch (error) {
      atOnce(this.#empty(slot));
      const words = error instanceof Error ? error.message : String(error);
      throw new DataplaneError('install', `the policy was not installed: ${words}`, {
        cause: error,
      });
    } finally {
      // The outer maps hold them from here on.
      for (const map of Object.values(inner)) map.close();
    }
  }

  #deadline(trial: number | bigint): bigint {
    if (typeof trial === 'bigint') return trial;
    const { clock } = this.#dataplane;
    return clock.now() + clock.jiffies(trial);
  }

  /** Empties every slot but `current` and its fallback: what an install left behind, or broke off. */
  retire(current: number): void {
    atOnce(this.#retire(current));
  }

  *#retire(current: number): Sliced<void> {
    const { fallback, flags } = this.#generation(current);
    for (let slot = 0; slot < Limits.GENERATION_SLOTS; slot++) {
      if (slot === current || (flags !== 0 && slot === fallback)) continue;
      yield* this.#empty(slot);
    }
  }

  #freeSlot(current: number): number {
    const { fallback, flags } = this.#generation(current);
    for (let slot = 0; slot < Limits.GENERATION_SLOTS; slot++) {
      if (slot !== current && !(flags !== 0 && slot === fallback)) return slot;
    }
    throw new DataplaneError('install', 'no generation slot is free');
  }

  #generation(slot: number): layouts.Generation {
    return layouts.generation.decode(this.#dataplane.map('generations').lookup(index(slot))!);
  }

  *#clearCounters(slots: readonly number[]): Sliced<void> {
    for (const name of ['rule_counters', 'rule_allowances'] as const) {
      const counters = this.#dataplane.map(name);
      const size = counters.lookup(index(0))!.length;
      const zeros = Buffer.alloc(size * Math.min(BATCH, slots.length));
      for (let from = 0; from < slots.length; from += BATCH) {
        const some = slots.slice(from, from + BATCH);
        const keys = Buffer.from(Uint32Array.from(some).buffer);
        counters.updateBatch(keys, zeros.subarray(0, size * some.length), some.length);
        yield;
      }
    }
  }

  *#stage(slot: number, prepared: Prepared): Sliced<InnerTables> {
    const inner = yield* makeTables(prepared.plan, prepared, this.#ports());
    try {
      changeInner(
        OUTER.map((name) => ({
          outer: this.#dataplane.map(name),
          key: index(slot),
          inner: inner[name],
        })),
      );
    } catch (error) {
      for (const map of Object.values(inner)) map.close();
      throw error;
    }
    yield;
    return inner;
  }

  /** Empties a slot that nothing reads. A slot that is empty already costs a lookup. */
  *#empty(slot: number): Sliced<void> {
    const { flags, number } = this.#generation(slot);
    const generations = this.#dataplane.map('generations');
    if (flags !== 0 || number !== 0) {
      generations.update(index(slot), Buffer.alloc(layouts.generation.size));
      this.#dataplane.map('watches').update(index(slot), Buffer.alloc(layouts.watches.size));
    }
    const full = OUTER.map((name) => this.#dataplane.map(name)).filter(
      (outer) => outer.lookup(index(slot)) !== undefined,
    );
    if (full.length === 0) return;
    // Waits until no program reads them any longer: 8 to 20 ms.
    changeInner(full.map((outer): InnerChange => ({ outer, key: index(slot), inner: null })));
    yield;
  }
}
