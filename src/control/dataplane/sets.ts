/**
 * Members of dynamic groups. The kernel holds, changes, counts and sweeps them; here it is decided
 * when. Nothing below is done per member.
 */
import { setTimeout as pause } from 'node:timers/promises';
import * as layouts from '../../generated/layouts.js';
import { turn } from '../slices.js';
import {
  type BatchResult,
  type Change,
  type ChangeRules,
  changeBatch,
  type PackedMembers,
  RECORD_BATCH,
} from './member-batch.js';
import { MemberTable } from './member-table.js';
import { type Errand, type Walked, walkMembers } from './member-walk.js';
import { type Dataplane, index } from './object.js';
import { gathered } from './visit.js';

const { Limits, Refusal, SweepKind } = layouts;
/** Sweeping may take one part in so many of a CPU. */
const SWEEP_SHARE = 20;
/** While somebody's time is over and nobody may look whose it is. */
const TELL_AGAIN_MS = 1000;
/** The kernel hands out elements from stocks that it fills up again behind our back. */
const MEMORY_TRIES = 25;
const MEMORY_MS = 4;
const COPY_TRIES = 5;
/** Bytes of records that are handed on at once. */
const PIECE = 16_384;
const NEVER = 0xffffffffffffffffn;

/** What a change is to heed; `ttlSeconds` null: for good. */
export type Rules = Omit<ChangeRules, 'until' | 'mark'> & { readonly ttlSeconds: number | null };

/** A load that takes the place of what a group holds. */
export interface Replacement {
  readonly bit: number;
  readonly number: number;
  /** Addresses that it has named so far. */
  marked: number;
}

/** The dynamic groups by bit. */
export class Sets {
  readonly #dataplane: Dataplane;
  readonly #table: MemberTable;
  #replacement: Replacement | null = null;
  /** While the table is being replaced by another, nothing may change. */
  #moving: Promise<void> | null = null;
  #sweeping: Promise<void> | null = null;
  #digesting: Promise<unknown> = Promise.resolve();
  /** Somebody's time was over, and `sweep` has not told yet. */
  #left = false;
  #toldUntil = 0;
  #sweptUntil = 0;
  #closed = false;
  /** Called when a member has come whose time will be over. */
  onTimed: () => void = () => {};

  private constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane;
    this.#table = MemberTable.open(dataplane);
  }

  /** Takes over what is there. */
  static open(dataplane: Dataplane): Sets {
    const sets = new Sets(dataplane);
    // A sweep that was cut short knows no next time.
    sets.#writeCounts({ next: 0n });
    return sets;
  }

  /** Members of a group, expired ones that were not swept yet included. */
  count(bit: number): number {
    return this.#counts().members[bit]!;
  }

  /** Elements that the table can hold. */
  get room(): number {
    return this.#table.room;
  }

  /**
   * Checks, adds or removes one batch. Adding gives those that are members a new time to live. After
   * a refusal those before the one refused are done. A group that is full of members whose time is
   * over is swept first.
   */
  async change(kind: Change, addresses: PackedMembers, rules: Rules): Promise<BatchResult> {
    return await this.#change(kind, addresses, rules, null);
  }

  /**
   * Begins to replace what a group holds; null: a replacement is under way, and there is one at a
   * time. It ends with `finish` or `abandon`.
   */
  async replace(bit: number): Promise<Replacement | null> {
    if (this.#replacement !== null) return null;
    const number = (this.#counts().mark % Limits.MEMBER_MARKS) + 1;
    const replacement = { bit, number, marked: 0 };
    this.#replacement = replacement;
    this.#writeCounts({ mark: number });
    // Marks come round again: none may be left from the last time.
    try {
      if (number === 1) await this.#walk({ kind: SweepKind.MARKS });
    } catch (error) {
      this.#replacement = null;
      throw error;
    }
    return replacement;
  }

  /** Adds a batch that a replacement names. */
  async name(
    replacement: Replacement,
    addresses: PackedMembers,
    rules: Rules,
  ): Promise<BatchResult> {
    return await this.#change('add', addresses, rules, replacement);
  }

  /** Removes what the replacement has not named; returns how many that were. */
  async finish(replacement: Replacement): Promise<number> {
    return await this.#end(replacement, SweepKind.UNMARKED);
  }

  /** Removes what the replacement has added; returns how many that were. */
  async abandon(replacement: Replacement): Promise<number> {
    return await this.#end(replacement, SweepKind.FRESH);
  }

  /**
   * Members that have not expired, as struct member_record, one after the other. Not a snapshot:
   * what comes or goes meanwhile may be told or not.
   */
  members(bit: number): AsyncGenerator<Buffer> {
    return gathered(this.#batches({ program: 'dump_members', groups: bit }), PIECE);
  }

  /**
   * A number for the members of every group, by bit: where they are the same, who is in it and who of them for
   * good is the same. What comes or goes meanwhile may be in it or not.
   */
  async digests(): Promise<bigint[]> {
    const run = this.#digesting.then(() => this.#digestsOnce());
    this.#digesting = run.catch(() => {});
    return await run;
  }

  async #digestsOnce(): Promise<bigint[]> {
    const map = this.#dataplane.map('member_digests');
    const { memberDigests } = layouts;
    map.update(index(0), Buffer.alloc(memberDigests.size));
    await ended(this.#batches({ program: 'digest_members' }));
    return [...memberDigests.decode(map.lookup(index(0))!).of];
  }

  /** Removes every member of the groups of these bits. */
  async clear(bits: readonly number[]): Promise<void> {
    const { members } = this.#counts();
    const groups = bits.filter((bit) => members[bit]! > 0);
    if (groups.length === 0) return;
    await this.#walk({ kind: SweepKind.GROUPS, groups: maskOf(groups) });
  }

  /**
   * Removes members whose time is over; costs nothing until one's is, and never much of a CPU. Returns
   * whether somebody's time was over since the last time. That is told before they are looked for, which
   * takes its time among a million, and told again for as long as the next look has to wait.
   */
  async sweep(): Promise<boolean> {
    const now = performance.now();
    if (this.#isDue()) {
      if (now >= this.#toldUntil) {
        this.#toldUntil = now + TELL_AGAIN_MS;
        this.#left = true;
      } else if (now >= this.#sweptUntil) {
        await this.#sweepOnce();
      }
    }
    const left = this.#left;
    this.#left = false;
    return left;
  }

  /** Milliseconds until somebody's time is over, not less; Infinity: nobody's ever is. */
  untilDue(): number {
    const { next } = this.#counts();
    if (next === NEVER) return Number.POSITIVE_INFINITY;
    const { clock } = this.#dataplane;
    return Math.ceil(clock.seconds(clock.now(), next) * 1000);
  }

  #isDue(): boolean {
    return this.#counts().next <= this.#dataplane.clock.now();
  }

  #sweepOnce(): Promise<void> {
    this.#sweeping ??= this.#sweepAll().finally(() => {
      this.#sweeping = null;
    });
    return this.#sweeping;
  }

  async #sweepAll(): Promise<void> {
    const begun = performance.now();
    this.#writeCounts({ next: NEVER });
    const { removed } = await this.#walk({ kind: SweepKind.EXPIRED }).catch((error) => {
      // It is owed.
      this.#writeCounts({ next: 0n });
      throw error;
    });
    if (removed > 0) this.#left = true;
    const now = performance.now();
    this.#sweptUntil = now + (now - begun) * SWEEP_SHARE;
  }

  /**
   * Sees to it that the table has room for that many elements. Changes wait while one of another size
   * takes its place: about half a second per million members.
   * @throws BpfError when there is no memory for it; everything stays as it was
   */
  async fit(room: number, mayShrink = false): Promise<void> {
    await this.#settled();
    if (!this.#table.misfits(room, mayShrink)) return;
    const moved = this.#table.resize(room, async (from) => {
      const errand = { program: 'copy_members' } as const;
      let failed = 1;
      for (let tries = 0; failed > 0 && tries < COPY_TRIES; tries++) {
        ({ failed } = await ended(walkMembers(this.#dataplane, from, errand, turn)));
      }
      if (failed > 0) throw new Error(`${failed} members find no room in the new table`);
    });
    this.#moving = moved
      .catch(() => {})
      .then(() => {
        this.#moving = null;
      });
    await moved;
  }

  close(): void {
    this.#closed = true;
    this.#table.close();
  }

  async #change(
    kind: Change,
    addresses: PackedMembers,
    rules: Rules,
    own: Replacement | null,
  ): Promise<BatchResult> {
    const { width, bytes } = addresses;
    let [done, changed, swept, waited] = [0, 0, false, 0];
    for (;;) {
      await this.#settled();
      const rest = { width, bytes: bytes.subarray(done * width) };
      const result = this.#run(kind, rest, rules, own);
      const { refusal } = result;
      done += result.done;
      changed += result.changed;
      const full = refusal === Refusal.GROUP_FULL || refusal === Refusal.TABLE_FULL;
      if (refusal === Refusal.MEMORY && waited < MEMORY_TRIES) {
        waited = result.done > 0 ? 0 : waited + 1;
        await pause(MEMORY_MS);
      } else if (full && !swept && this.#isDue()) {
        swept = true;
        await this.#sweepOnce();
      } else {
        // Whoever brings a long list lets others have a turn.
        if (done >= RECORD_BATCH) await turn();
        return { ...result, done, changed };
      }
    }
  }

  /** In one go: nothing else runs meanwhile. */
  #run(
    kind: Change,
    addresses: PackedMembers,
    { ttlSeconds, ...rules }: Rules,
    own: Replacement | null,
  ): BatchResult {
    const { clock } = this.#dataplane;
    const until = ttlSeconds === null ? 0n : clock.now() + clock.jiffies(ttlSeconds);
    // What comes while its group is being replaced shall outlive that.
    const of = own ?? (this.#replacement?.bit === rules.bit ? this.#replacement : null);
    const mark = of && { number: of.number, marked: of.marked, own: own !== null };
    const result = changeBatch(this.#dataplane, kind, addresses, {
      ...rules,
      until,
      ...(mark === null ? {} : { mark }),
    });
    if (of !== null) of.marked = result.marked;
    if (until !== 0n || addresses.width > 16) this.onTimed();
    return result;
  }

  async #end(replacement: Replacement, kind: layouts.SweepKind): Promise<number> {
    const { bit, number } = replacement;
    try {
      return (await this.#walk({ kind, groups: maskOf([bit]), mark: number })).removed;
    } finally {
      if (this.#replacement === replacement) this.#replacement = null;
    }
  }

  #walk(errand: Pick<Errand, 'kind' | 'groups' | 'mark'>): Promise<Walked> {
    return ended(this.#batches({ program: 'sweep_members', ...errand }));
  }

  #batches(errand: Errand): AsyncGenerator<Buffer, Walked> {
    return walkMembers(this.#dataplane, this.#table.map, errand, async () => {
      await turn();
      await this.#settled();
    });
  }

  /** Resolves while the table stays where it is, until the caller lets others have a turn. */
  async #settled(): Promise<void> {
    while (this.#moving !== null) await this.#moving;
    if (this.#closed) throw new Error('the sets are closed');
  }

  #counts(): layouts.MemberCounts {
    return layouts.memberCounts.decode(this.#dataplane.map('member_counts').lookup(index(0))!);
  }

  #writeCounts(change: Partial<layouts.MemberCounts>): void {
    const value = layouts.memberCounts.encode({ ...this.#counts(), ...change });
    this.#dataplane.map('member_counts').update(index(0), value);
  }
}

function maskOf(bits: readonly number[]): number {
  return bits.reduce((mask, bit) => mask | (1 << bit), 0) >>> 0;
}

async function ended(walk: AsyncGenerator<unknown, Walked>): Promise<Walked> {
  for (;;) {
    const { done, value } = await walk.next();
    if (done === true) return value;
  }
}
