/** Members of dynamic groups, as the other node has them. */
import { status } from '@grpc/grpc-js';
import type { Mark } from './member-messages.js';
import type { MemberChange, SharedSets } from './sets.js';

/** Between two comparisons when nothing is known to be wrong. */
const COMPARE_MS = 60_000;
/** After one that came to nothing, or to a difference. */
const AGAIN_MS = 1000;
/** How long it waits for what is on its way both ways, when something is missing for sure. */
const SETTLE_MS = 5000;

/** What is asked of the other node; rejects when it is gone. */
export interface MembersThere {
  digests(): Promise<{
    readonly digests: ReadonlyMap<string, bigint>;
    /** The last change that was done there, and the last one of here that was taken there. */
    readonly told: Mark;
    readonly taken: Mark;
  }>;
  members(set: string): AsyncIterable<Uint8Array>;
}

export interface MemberFollowerOptions {
  readonly sets: SharedSets;
  /** Names of both nodes. */
  readonly own: string;
  readonly peer: string;
  readonly active: () => boolean;
  /** The last change that was done here. */
  readonly done: () => Mark;
  readonly onError: (error: unknown) => void;
  readonly now?: () => number;
}

/** What a message says of members. */
export interface MembersTold {
  readonly active: boolean;
  readonly changes: readonly MemberChange[];
  readonly told: Mark;
  readonly gap: boolean;
}

export class MemberFollower {
  readonly #options: MemberFollowerOptions;
  readonly #now: () => number;
  #there: MembersThere | null = null;
  #active = false;
  #taken: Mark = { life: '', number: 0 };
  /** Groups of which the other node put others in the place of the members. */
  readonly #replaced = new Set<string>();
  /** Since when something is known to be missing. */
  #missingSince: number | null = null;
  #nextAt = 0;
  #match = false;
  /** Groups that were the same once, or are not there: since this node started. */
  readonly #met = new Set<string>();
  #compared = false;
  #work: Promise<void> = Promise.resolve();
  #looking = false;

  constructor(options: MemberFollowerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The last change of the other node that is in the groups here. */
  get taken(): Mark {
    return this.#taken;
  }

  /** The members were the same when they were compared last, by this node. */
  get match(): boolean {
    return this.#match;
  }

  /** Each group of the policy here had the members of the other node once since this node started. */
  get complete(): boolean {
    return this.#compared && this.#options.sets.names().every((set) => this.#met.has(set));
  }

  /** Of members that differ this node takes those of the other. */
  get yields(): boolean {
    const { active, own, peer } = this.#options;
    return active() === this.#active ? peer < own : this.#active;
  }

  begin(there: MembersThere): void {
    this.#there = there;
    this.#nextAt = 0;
  }

  leave(): void {
    this.#there = null;
    this.#match = false;
  }

  /** Groups may have come or gone. */
  policyChanged(): void {
    const names = this.#options.sets.names();
    for (const set of this.#met) if (!names.includes(set)) this.#met.delete(set);
    this.#miss();
  }

  /** Resolves once it is in the groups. */
  hear({ active, changes, told, gap }: MembersTold): Promise<void> {
    const { sets, onError } = this.#options;
    this.#active = active;
    if (gap) this.#miss();
    this.#work = this.#work.then(async () => {
      for (const change of changes) {
        if (change.kind === 'replaced') this.#replaced.add(change.set);
        else await sets.take(change).catch(onError);
      }
      this.#taken = told;
    });
    return this.#work;
  }

  /** A few times a second: asks for what is due. */
  look(): void {
    const there = this.#there;
    if (there === null || this.#looking) return;
    if (this.#replaced.size === 0 && this.#now() < this.#nextAt) return;
    this.#looking = true;
    this.#nextAt = this.#now() + AGAIN_MS;
    this.#repair(there)
      .catch((error) => {
        // Whoever is gone is told of elsewhere.
        if (this.#there === there) this.#options.onError(error);
      })
      .finally(() => {
        this.#looking = false;
      });
  }

  async close(): Promise<void> {
    this.leave();
    await this.#work;
  }

  #miss(): void {
    this.#missingSince ??= this.#now();
    this.#nextAt = 0;
  }

  async #repair(there: MembersThere): Promise<void> {
    if (this.#replaced.size > 0) await this.#replace(there);
    await this.#compare(there);
  }

  async #replace(there: MembersThere): Promise<void> {
    const { sets, onError } = this.#options;
    for (const set of [...this.#replaced]) {
      try {
        // What is no group here, or none there any more, is nobody's to repair.
        if (sets.names().includes(set)) await sets.replace(set, there.members(set));
        this.#replaced.delete(set);
      } catch (error) {
        if (this.#there !== there) return;
        if (isGone(error) || !sets.names().includes(set)) this.#replaced.delete(set);
        onError(error);
      }
    }
  }

  async #compare(there: MembersThere): Promise<void> {
    const { sets, done } = this.#options;
    const before = { done: done(), taken: this.#taken };
    const theirs = await there.digests();
    const own = await sets.digests();
    const settled = isSame(theirs.told, before.taken) && isSame(theirs.taken, before.done);
    const quiet = isSame(before.done, done()) && isSame(before.taken, this.#taken);
    const differing = [...own].flatMap(([set, digest]) => {
      const other = theirs.digests.get(set);
      return other === undefined || other === digest ? [] : [set];
    });
    this.#match = differing.length === 0;
    this.#meet([...own.keys()].filter((set) => !differing.includes(set)));
    if (this.#match && settled) {
      this.#missingSince = null;
      this.#nextAt = this.#now() + COMPARE_MS;
    }
    if (this.#match || !this.yields) return;
    const since = this.#missingSince;
    const waited = since !== null && this.#now() - since > SETTLE_MS;
    if (!(settled ? quiet || since !== null : waited)) return;
    let failed = false;
    for (const set of differing) {
      try {
        await sets.replace(set, there.members(set));
        this.#meet([set]);
      } catch (error) {
        failed = true;
        if (this.#there !== there) return;
        this.#options.onError(error);
      }
    }
    if (!failed) this.#missingSince = null;
  }

  #meet(sets: readonly string[]): void {
    this.#compared = true;
    for (const set of sets) this.#met.add(set);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === status.NOT_FOUND;
}

function isSame(a: Mark, b: Mark): boolean {
  // What nobody has begun to tell is nothing yet.
  return a.number === b.number && (a.life === b.life || a.number === 0);
}
