/**
 * What judges in the kernel and what is known of it here: the installed policy, and while that is on
 * trial the one that comes back. Callers see to it that no two calls overlap.
 */
import type { OriginClock, PolicyOrigin } from '../../sync/shared/origin.js';
import {
  DataplaneError,
  type Installer,
  NO_POLICY_NUMBERS,
  type Numbering,
  type Sets,
  type Trial,
} from '../dataplane/index.js';
import { type Plan, PolicyError } from '../policy/index.js';
import { type Confirmation, ServiceError } from '../service.js';
import { turn } from '../slices.js';
import { type GenerationRecord, type GenerationStore, StoreError } from '../store/index.js';
import type { PolicyCompiler } from './compiler/compiler.js';
import type { PackedPlan } from './compiler/packed-plan.js';
import type { EventSink } from './event-bus.js';
import { PlanCache } from './plan-cache.js';
import { type ActivePolicy, activeOf, ITSELF, numberingOf, storedNumbers } from './records.js';
import { RuleIndex } from './rules.js';
import { roomFor, unusedBits } from './set-room.js';
import { prepare } from './states-cut.js';
import { TrialTimer } from './trial-timer.js';

/** How the policy came to be the installed one when the daemon started. */
export type Restoration =
  | { readonly kind: 'none' }
  | { readonly kind: 'adopted'; readonly generation: number }
  | { readonly kind: 'reverted'; readonly generation: number; readonly why: string }
  | { readonly kind: 'reinstalled'; readonly generation: number; readonly why: string }
  | { readonly kind: 'unknown'; readonly generation: number; readonly why: string };

export interface InstallationDeps {
  readonly installer: Installer;
  readonly sets: Sets;
  readonly store: GenerationStore<GenerationRecord>;
  readonly compiler: PolicyCompiler;
  readonly origins: OriginClock;
  readonly events: EventSink;
  /** Told about what went wrong after a switch, when it no longer changes the outcome. */
  readonly warn: (message: string) => void;
  /** Called when a trial is over: `settle` is due. */
  readonly onTrialOver: () => Promise<unknown>;
  /** Called before a policy judges: what it takes besides tables is made ready. */
  readonly onPrepare: (plan: Plan) => Promise<void>;
  /** Live states that the plan in a slot would cut. */
  readonly countCut: (slot: number) => Promise<number>;
  /** Called whenever another policy judges: live states may have to end. */
  readonly onSwitch: () => void;
}

/** Where a policy comes from: what its record takes over. */
export type Origin = Pick<GenerationRecord, 'text' | 'file' | 'resolved'>;

/** What is new about a record of a policy that is installed. */
export type Occasion = Pick<GenerationRecord, 'by' | 'uid' | 'why'> & {
  readonly trial?: GenerationRecord['trial'];
  /** Of a policy that was applied before, here or on the other node; else it is applied now. */
  readonly origin?: PolicyOrigin;
  /** Called when it judges, before the disk says that it stays. */
  readonly told?: (record: GenerationRecord) => void;
};

/** What came of an install. */
export interface Installed {
  readonly record: GenerationRecord;
  /** Live states that the policy before allowed and this one does not. */
  readonly statesCut: number;
}

export class Installation {
  readonly #deps: InstallationDeps;
  readonly #timer: TrialTimer;
  readonly #plans: PlanCache;
  #active: ActivePolicy | null = null;
  #fallback: ActivePolicy | null = null;
  #index = new RuleIndex(null);

  constructor(deps: InstallationDeps) {
    this.#deps = deps;
    this.#timer = new TrialTimer(deps.onTrialOver, deps.warn);
    this.#plans = new PlanCache(deps.store.directory);
  }

  get active(): ActivePolicy | null {
    return this.#active;
  }

  /** What judges again if the active policy is not confirmed; null: that is not on trial. */
  get fallback(): ActivePolicy | null {
    return this.#fallback;
  }

  get index(): RuleIndex {
    return this.#index;
  }

  /** The policy that both nodes of a pair are to have: not one on trial. */
  get settled(): ActivePolicy | null {
    return this.#fallback ?? this.#active;
  }

  /** Generation that judges, by what the kernel says; 0: none. */
  get generation(): number {
    return this.#deps.installer.judging().generation;
  }

  /** Null: the installed policy stays. */
  get confirmation(): Confirmation | null {
    const { trial } = this.#deps.installer.current();
    if (trial === null || this.#fallback === null) return null;
    const deadline = this.#deps.installer.secondsLeft(trial);
    return { deadline, fallback: this.#fallback.generation };
  }

  /** Numbers that the installed policy has in the maps. */
  get held(): Numbering {
    return this.#active?.numbering ?? NO_POLICY_NUMBERS;
  }

  /**
   * On disk first, then the switch, then the word that it stays and is current: whatever is killed on
   * the way leaves a record that is not confirmed, and the policy before as the one to come back to.
   * @throws ServiceError, with nothing changed
   */
  async install(
    candidate: PackedPlan,
    { text, file, resolved }: Origin,
    held: Numbering,
    { trial = null, origin, told, ...occasion }: Occasion,
  ): Promise<Installed> {
    const { plan } = candidate;
    const { origins, store, installer, countCut } = this.#deps;
    // Nobody is told the number of a policy that comes back, and none is worth that it does not.
    const counts = origin === undefined && this.#active?.plan.digest !== plan.digest;
    await turn();
    const generation = await this.#next(origin?.generation ?? origins.least);
    const prepared = prepare(this.#deps.installer, plan, generation, held, trial !== null);
    await turn();
    const record: GenerationRecord = {
      generation,
      text,
      file,
      resolved,
      ...occasion,
      at: new Date().toISOString(),
      digest: plan.digest,
      rules: plan.rules.length,
      ...storedNumbers(prepared),
      trial,
      confirmed: false,
      origin: origin ?? origins.next(generation, { text, file, resolved }),
    };
    await turn();
    // The disk has its time while all else is made ready; what still judges loses nothing before it has agreed.
    const written = store.write(record);
    written.catch(() => {});
    const inTrial = installer.current().trial !== null;
    let statesCut = 0;
    try {
      await this.#deps.onPrepare(plan);
      await this.#makeRoom(plan);
      await written;
      await this.#deps.sets.clear(prepared.freshBits);
      await installer.installInSlices(prepared, trial?.seconds ?? null, async (slot) => {
        if (counts) statesCut = await countCut(slot);
      });
    } catch (error) {
      await written.catch(() => {});
      await store.discard(generation).catch((e) => this.#deps.warn(String(e)));
      throw error;
    }
    const { ruleSlots, groupBits } = prepared;
    const active = activeOf(record, candidate, { ruleSlots, groupBits });
    this.#activate(active, trial === null ? null : this.#active);
    told?.(record);
    // Before anything else, and some of it waits for the kernel, those who watch have their word.
    await turn();
    // Both generations of a trial may have packets under way; the next install empties them.
    if (!inTrial) await this.#retire(generation);
    if (trial === null) await this.#afterSwitch(active);
    return { record, statesCut };
  }

  /** The very policy that judges was applied elsewhere, later. @throws StoreError */
  async note(active: ActivePolicy, origin: PolicyOrigin): Promise<void> {
    const record = { ...active.record, confirmed: true, origin };
    await this.#deps.store.write(record);
    this.#active = { ...active, record };
    this.#deps.origins.see(origin);
    this.#deps.onSwitch();
  }

  async #retire(generation: number): Promise<void> {
    try {
      await this.#deps.installer.retireInSlices();
    } catch (error) {
      this.#deps.warn(`generation ${generation} is installed, but: ${String(error)}`);
    }
  }

  /** Keeps the generation on trial. False: too late, `settle` is due. */
  async confirm(active: ActivePolicy): Promise<boolean> {
    if (!this.#deps.installer.confirm()) return false;
    this.#activate(active);
    await this.#afterSwitch(active);
    return true;
  }

  /**
   * Once the packet path has taken back the generation on trial: makes it formal, as the next
   * generation. Returns whether it did.
   */
  async settle(): Promise<boolean> {
    const [active, fallback] = [this.#active, this.#fallback];
    if (active === null || fallback === null) return false;
    const { trial } = this.#deps.installer.current();
    const left = trial === null ? 0 : this.#deps.installer.secondsLeft(trial);
    if (left > 0) {
      this.#timer.start(left);
      return false;
    }
    const [from, to] = [active.generation, fallback.generation];
    const why = `revert of ${from} to ${to}: it was not confirmed`;
    const { record, numbering } = fallback;
    const origin = this.#deps.origins.of(record);
    const told = ({ generation }: GenerationRecord) => {
      const by = { user: ITSELF.user, why: 'it was not confirmed' };
      this.#deps.events.emit('reverted', { generation, from, to, ...by });
      this.#deps.warn(`generation ${generation}: ${why}`);
    };
    const occasion = { by: ITSELF.user, uid: ITSELF.uid, why, origin, told };
    await this.install(fallback, record, numbering, occasion);
    return true;
  }

  /**
   * At start: knows again what judges in the kernel, or installs the last policy of the store as a
   * new generation when nothing does or when it cannot be told what does.
   */
  async restore(): Promise<Restoration> {
    const { installer, store } = this.#deps;
    const running = installer.current();
    installer.retire(running.slot);
    if (running.generation === 0) return await this.#reinstall('nothing was loaded');
    try {
      await this.#discardAfter(running.generation);
      const record = await store.read(running.generation);
      if (running.trial !== null) {
        return await this.#adoptTrial(record, running.slot, running.trial.fallback);
      }
      const active = await this.#known(record);
      await this.#verify(active, running.slot);
      this.#activate(active);
      await this.#afterSwitch(active);
      await this.#prepareAgain([active]);
      return { kind: 'adopted', generation: running.generation };
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof PolicyError)) throw error;
      return await this.#reinstall(error.message);
    }
  }

  close(): void {
    this.#timer.stop();
  }

  /** More than any that was ever switched to, confirmed or not. */
  async #next(least: number): Promise<number> {
    const { store, installer } = this.#deps;
    const stored = (await store.list()).at(-1) ?? 0;
    const current = await store.currentNumber().catch(() => 0);
    return Math.max(stored, current, installer.current().generation, least - 1) + 1;
  }

  /** What is said on disk of a generation that stays. */
  async #afterSwitch({ record, plan, packed, numbering }: ActivePolicy): Promise<void> {
    const { store, warn } = this.#deps;
    const { generation } = record;
    try {
      if (!record.confirmed) await store.write({ ...record, confirmed: true });
      const current = await store.currentNumber().catch(() => 0);
      if (current !== generation) await store.setCurrent(generation);
      await this.#plans.keep(record, packed);
      await store.prune();
      await this.#deps.sets.clear(unusedBits(numbering));
      await this.#deps.sets.fit(roomFor([plan]), true);
    } catch (error) {
      warn(`generation ${generation} is installed, but: ${String(error)}`);
    }
  }

  #activate(active: ActivePolicy, fallback: ActivePolicy | null = null): void {
    this.#active = active;
    this.#fallback = fallback;
    this.#deps.origins.see(this.#deps.origins.of(active.record));
    const before = fallback && new RuleIndex(fallback.plan, fallback.numbering);
    this.#index = new RuleIndex(active.plan, active.numbering, before);
    const { trial } = this.#deps.installer.current();
    if (fallback === null || trial === null) this.#timer.stop();
    else this.#timer.start(this.#deps.installer.secondsLeft(trial));
    this.#deps.onSwitch();
  }

  /** For the members of its groups beside those of the policies that judge now. */
  async #makeRoom(plan: Plan): Promise<void> {
    const held = [this.#active, this.#fallback].flatMap((policy) => policy?.plan ?? []);
    const room = roomFor([plan, ...held]);
    try {
      await this.#deps.sets.fit(room);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      const what = `no room for ${room} members of dynamic groups (their max)`;
      throw new DataplaneError('install', `${what}: ${words}`, { cause: error });
    }
  }

  /** For policies that judge already: what fails is no reason not to start. */
  async #prepareAgain(policies: readonly ActivePolicy[]): Promise<void> {
    for (const { plan } of policies) {
      await this.#deps.onPrepare(plan).catch((error) => this.#deps.warn(String(error)));
    }
  }

  async #adoptTrial(
    record: GenerationRecord,
    slot: number,
    fallback: Trial['fallback'],
  ): Promise<Restoration> {
    const { generation } = record;
    const active = await this.#known(record);
    const before = await this.#known(await this.#deps.store.read(fallback.generation));
    await this.#verify(before, fallback.slot);
    await this.#verify(active, slot);
    this.#activate(active, before);
    await this.#prepareAgain([active, before]);
    if (!(await this.settle())) return { kind: 'adopted', generation };
    const why = `generation ${generation} was not confirmed`;
    return { kind: 'reverted', generation: this.generation, why };
  }

  /** @throws StoreError, PolicyError */
  async #known(record: GenerationRecord): Promise<ActivePolicy> {
    const found = (await this.#plans.read(record)) ?? (await this.#deps.compiler.recompile(record));
    if (found.plan.digest === record.digest) return activeOf(record, found);
    const what = 'its text compiles to something else than what was installed';
    throw new StoreError('corrupt', `generation ${record.generation}`, what);
  }

  /** What judges must be what was installed, to the last entry. @throws StoreError */
  async #verify({ generation, plan, numbering }: ActivePolicy, slot: number): Promise<void> {
    const damaged = await this.#deps.installer.damaged(slot, { plan, generation, ...numbering });
    if (damaged.length === 0) return;
    const what = `its tables in the kernel are not what was installed (${damaged.join(', ')})`;
    throw new StoreError('corrupt', `generation ${generation}`, what);
  }

  /** What was put on disk and never switched to. */
  async #discardAfter(generation: number): Promise<void> {
    const { store } = this.#deps;
    for (const later of await store.list()) {
      if (later > generation) await store.discard(later);
    }
  }

  /** What the store says is installed; undefined: nothing ever was. @throws StoreError */
  async #stored(): Promise<GenerationRecord | undefined> {
    const { store, warn } = this.#deps;
    let generation: number;
    try {
      generation = await store.currentNumber();
    } catch (error) {
      // What judges is better than a guess.
      const newest = this.generation === 0 ? await this.#newestInstalled() : undefined;
      if (!(error instanceof StoreError) || newest === undefined) throw error;
      warn(`${error.message}: generation ${newest.generation} is the newest that was installed`);
      return newest;
    }
    return generation === 0 ? undefined : await store.read(generation);
  }

  /** By its own word, for want of `current.json`; what cannot be read is passed over. */
  async #newestInstalled(): Promise<GenerationRecord | undefined> {
    const { store } = this.#deps;
    for (const generation of (await store.list()).reverse()) {
      const record = await store.read(generation).catch(() => undefined);
      if (record?.confirmed) return record;
    }
    return undefined;
  }

  async #reinstall(why: string): Promise<Restoration> {
    const { generation } = this;
    try {
      const record = await this.#stored();
      if (record === undefined) {
        return generation === 0 ? { kind: 'none' } : { kind: 'unknown', generation, why };
      }
      const compiled = await this.#deps.compiler.recompile(record);
      const words = `${record.generation} again: ${why}`;
      const origin = this.#deps.origins.of(record);
      const occasion = { by: ITSELF.user, uid: ITSELF.uid, why: words, origin };
      const next = await this.install(compiled, record, numberingOf(record), occasion);
      return { kind: 'reinstalled', generation: next.record.generation, why };
    } catch (error) {
      const expected = [StoreError, PolicyError, ServiceError, DataplaneError];
      if (!expected.some((kind) => error instanceof kind)) throw error;
      return { kind: 'unknown', generation, why: (error as Error).message };
    }
  }
}
