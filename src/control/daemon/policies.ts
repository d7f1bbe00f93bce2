/**
 * The way from a text to a new generation, from a generation back to an earlier one, and what would
 * change on the way. Everything that changes what is installed goes through here, one at a time.
 */
import { compareOrigins, OriginClock, type PolicyOrigin } from '../../sync/shared/origin.js';
import type { ReceivedPolicy, SharedPolicy, Taken } from '../../sync/shared/policy.js';
import type { Installer, Numbering, Sets } from '../dataplane/index.js';
import { Serial } from '../dataplane/index.js';
import {
  diffBindings,
  diffLimits,
  type Plan,
  PolicyError,
  packetClasses,
} from '../policy/index.js';
import {
  type ApplyOptions,
  type ApplyResult,
  type Caller,
  type Confirmation,
  type HistoryEntry,
  type PlanResult,
  type PolicyDifference,
  type PolicySource,
  type PolicyText,
  ServiceError,
} from '../service.js';
import { inSlices } from '../slices.js';
import type { GenerationRecord, GenerationStore } from '../store/index.js';
import { checkBoundPorts } from './bound-ports.js';
import { type Compiled, PolicyCompiler } from './compiler/compiler.js';
import { type EventSink, SILENT } from './event-bus.js';
import { History } from './history.js';
import { Installation, type Restoration } from './installation.js';
import type { Resolve } from './names.js';
import {
  type ActivePolicy,
  packetChanges,
  resolvedRecord,
  ruleChanges,
  whoFields,
} from './records.js';
import type { RuleIndex } from './rules.js';

export interface PolicyDeps {
  readonly installer: Installer;
  readonly sets: Sets;
  readonly store: GenerationStore<GenerationRecord>;
  readonly resolve?: Resolve;
  readonly events?: EventSink;
  /** Those of the node, to which a policy may bind hosts. */
  readonly ports: readonly { readonly name: string; readonly side: 'uplink' | 'inside' }[];
  /** Live states that a plan would cut, were it installed. */
  readonly countCut: (plan: Plan, held: Numbering) => Promise<number>;
  /** The same of one that lies in a slot. */
  readonly countCutIn: (slot: number) => Promise<number>;
  /** Makes ready what a plan takes besides its tables. */
  readonly prepare?: (plan: Plan) => Promise<void>;
  /** Ends, by and by, the live states that are no longer allowed. */
  readonly cutStates: () => void;
  /** Whether the running dataplane knows of deadlines. */
  readonly trials: boolean;
  /** This node, and the epoch of roles now: what is applied here is known by them to the other node of a pair. */
  readonly node: string;
  readonly epoch?: () => number;
  /** Told about what went wrong after a switch, when it no longer changes the outcome. */
  readonly warn: (message: string) => void;
}

export class Policies {
  readonly #deps: PolicyDeps;
  readonly #serial = new Serial();
  readonly #history: History;
  readonly #events: EventSink;
  readonly #installation: Installation;
  readonly #compiler: PolicyCompiler;
  readonly #origins: OriginClock;
  readonly #watchers = new Set<() => void>();

  constructor(deps: PolicyDeps) {
    const { installer, sets, store, events = SILENT, node, epoch = () => 0, warn } = deps;
    const origins = new OriginClock(node, epoch);
    this.#origins = origins;
    this.#deps = deps;
    this.#events = events;
    const compiler = new PolicyCompiler(
      deps.resolve === undefined ? {} : { resolve: deps.resolve },
    );
    this.#compiler = compiler;
    this.#history = new History(store, compiler, origins, warn);
    const onTrialOver = () => this.#serial.run(() => this.#installation.settle());
    const onPrepare = deps.prepare ?? (async () => {});
    const onSwitch = () => {
      deps.cutStates();
      for (const tell of this.#watchers) tell();
    };
    const told = { onTrialOver, onPrepare, onSwitch, countCut: deps.countCutIn };
    const parts = { installer, sets, store, compiler, origins, events, warn };
    this.#installation = new Installation({ ...parts, ...told });
  }

  get active(): ActivePolicy | null {
    return this.#installation.active;
  }

  get index(): RuleIndex {
    return this.#installation.index;
  }

  /** Generation that judges, by what the kernel says; 0: none. */
  get generation(): number {
    return this.#installation.generation;
  }

  /** Null: the installed policy stays. */
  get confirmation(): Confirmation | null {
    return this.#installation.confirmation;
  }

  /** At start: knows again what judges, or sees to it that something does. */
  restore(): Promise<Restoration> {
    return this.#serial.run(() => this.#installation.restore());
  }

  /** What `source` would change. @throws ServiceError */
  async plan(source: PolicySource, signal?: AbortSignal): Promise<PlanResult> {
    const { plan } = await this.#compile(source, signal);
    return await this.#serial.run(() => this.#foresee(plan));
  }

  /** Installs `source` as the next generation, or leaves everything as it is. @throws ServiceError */
  async apply(source: PolicySource, by: Caller, options: ApplyOptions = {}): Promise<ApplyResult> {
    const { why = '', confirmSeconds = null, ifGeneration = null, dryRun = false } = options;
    const compiled = await this.#compile(source);
    const { plan, resolved } = compiled;
    return await this.#serial.run(async () => {
      await this.#installation.settle();
      this.#expect(ifGeneration);
      const before = this.active?.plan ?? null;
      if (dryRun) return this.#applied(await this.#foresee(plan), plan, false);
      // Who applies what is there already, while the other node has something else, says which of the two it is.
      const behind = compareOrigins(this.#origins.heard, this.shared?.origin ?? null) > 0;
      if (this.active?.text === source.text && before?.digest === plan.digest && !behind) {
        const result = await this.#compare(before, plan);
        if (!result.differs) return this.#applied(result, plan, false);
      }
      const trial = this.#trialOf(confirmSeconds);
      const told = ({ generation, digest }: GenerationRecord) => {
        const confirm = confirmSeconds ?? 0;
        this.#events.emit('applied', { generation, digest, ...whoFields(by), why, confirm });
      };
      const occasion = { by: by.user, uid: by.uid, why, trial, told };
      const origin = { ...source, resolved: resolvedRecord(resolved) };
      const { held } = this.#installation;
      const { statesCut } = await this.#installation.install(compiled, origin, held, occasion);
      const result = { ...(await this.#compare(before, plan)), statesCut };
      return this.#applied(result, plan, true);
    });
  }

  /** Keeps the generation that is on trial. @throws ServiceError `precondition` */
  confirm(by: Caller): Promise<number> {
    return this.#serial.run(async () => {
      const { active, fallback } = this.#installation;
      if (active === null || fallback === null) {
        throw new ServiceError('precondition', 'no generation waits to be confirmed');
      }
      const { generation } = active;
      if (!(await this.#installation.confirm(active))) {
        await this.#installation.settle();
        const now = `generation ${this.generation} judges`;
        throw new ServiceError('precondition', `too late for generation ${generation}: ${now}`);
      }
      this.#events.emit('confirmed', { generation, ...whoFields(by) });
      return generation;
    });
  }

  /** Installs the policy of an earlier generation again. @throws ServiceError */
  rollback(wanted: number | null, by: Caller, why = ''): Promise<ApplyResult> {
    return this.#serial.run(async () => {
      await this.#installation.settle();
      const target = await this.#rollbackTarget(wanted);
      const compiled = await this.#compiler.recompile(target).catch(throwRefused);
      this.#checkPorts(compiled);
      const held = this.#installation.fallback?.numbering ?? this.#installation.held;
      const before = this.active?.plan ?? null;
      const [from, to] = [this.generation, target.generation];
      const words = `rollback of ${from} to ${to}`;
      const told = ({ generation }: GenerationRecord) =>
        this.#events.emit('rolled-back', { generation, from, to, ...whoFields(by), why });
      const noted = why === '' ? words : `${words}: ${why}`;
      const occasion = { by: by.user, uid: by.uid, why: noted, told };
      const { statesCut } = await this.#installation.install(compiled, target, held, occasion);
      const result = { ...(await this.#compare(before, compiled.plan)), statesCut };
      return this.#applied(result, compiled.plan, true);
    });
  }

  /** What both nodes of a pair are to have: of a policy on trial the one before. Null: none was ever applied. */
  get shared(): SharedPolicy | null {
    const { settled } = this.#installation;
    if (settled === null) return null;
    const { record, generation } = settled;
    const { text, file, resolved, by, uid, why, at, digest } = record;
    const origin = this.#origins.of(record);
    return { origin, generation, text, file, resolved, by, uid, why, at, digest };
  }

  /** Calls back whenever another policy judges, and when one on trial stays. */
  watch(listener: () => void, signal: AbortSignal): void {
    this.#watchers.add(listener);
    signal.addEventListener('abort', () => this.#watchers.delete(listener), { once: true });
  }

  /** The other node has that: what is applied here from now on goes before it. */
  see(origin: PolicyOrigin): void {
    this.#origins.hear(origin);
  }

  /**
   * Takes over what was applied on the other node, unless what is here goes before it. Nobody is told of it as
   * of something new: it keeps its origin. @throws ServiceError: it cannot be installed here
   */
  async take(policy: ReceivedPolicy, peer: string): Promise<Taken> {
    const { origin, by, uid, why } = policy;
    this.#origins.hear(origin);
    const compiled = await this.#compiler.recompile(policy).catch(throwRefused);
    this.#checkPorts(compiled);
    return await this.#serial.run(async () => {
      await this.#installation.settle();
      const { active, fallback, held } = this.#installation;
      if (fallback !== null) return 'on-trial';
      if (compareOrigins(origin, this.shared?.origin ?? null) <= 0) return 'old';
      const { digest } = compiled.plan;
      if (active !== null && active.text === policy.text && active.plan.digest === digest) {
        await this.#installation.note(active, origin);
        this.#history.forget(active.generation);
        return 'noted';
      }
      const told = ({ generation }: GenerationRecord) => {
        const fields = { generation, digest, peer, ...whoFields({ user: by, uid }), why };
        this.#events.emit('policy-received', fields);
      };
      const occasion = { by, uid, why, origin, told };
      await this.#installation.install(compiled, policy, held, occasion);
      return 'installed';
    });
  }

  history(): Promise<HistoryEntry[]> {
    return this.#history.list(this.generation);
  }

  /** @throws ServiceError `not-found` */
  async text(generation: number | null): Promise<PolicyText> {
    const wanted = generation ?? this.generation;
    if (wanted === 0) throw new ServiceError('not-found', 'no policy was ever applied');
    return await this.#history.text(wanted);
  }

  /** @throws ServiceError `not-found` */
  diff(from: number, to: number): Promise<PolicyDifference> {
    return this.#history.diff(from, to);
  }

  async close(): Promise<void> {
    this.#installation.close();
    await this.#compiler.close();
  }

  #expect(generation: number | null): void {
    const now = this.generation;
    if (generation === null || generation === now) return;
    const what = `generation ${now} is installed, not ${generation}`;
    throw new ServiceError('precondition', `${what}: nothing was changed`);
  }

  /** What goes into the record of a generation that has to be confirmed, if it can be done now. */
  #trialOf(seconds: number | null): GenerationRecord['trial'] {
    if (this.#installation.fallback !== null) {
      const what = `generation ${this.generation} waits to be confirmed`;
      throw new ServiceError('precondition', `${what}: confirm it or roll it back first`);
    }
    if (seconds === null) return null;
    if (!this.#deps.trials) {
      const what = 'the running dataplane is of another version';
      throw new ServiceError('precondition', `${what}, which knows no deadline`);
    }
    if (this.active === null) {
      const what = 'there is no policy to go back to';
      throw new ServiceError('precondition', `${what}: leave out the confirmation`);
    }
    return { seconds, fallback: this.active.generation };
  }

  async #rollbackTarget(wanted: number | null): Promise<GenerationRecord> {
    const { active, fallback } = this.#installation;
    if (fallback !== null) {
      if (wanted === null || wanted === fallback.generation) return fallback.record;
      const what = `generation ${this.generation} waits to be confirmed`;
      throw new ServiceError('precondition', `${what}: only the one before can be gone back to`);
    }
    if (wanted === this.generation) {
      throw new ServiceError('precondition', `generation ${wanted} is the installed one`);
    }
    if (wanted !== null) return await this.#history.record(wanted);
    if (active !== null) return await this.#history.before(active.record);
    const what = 'the installed policy is not known';
    throw new ServiceError('precondition', `${what}: say which generation to go back to`);
  }

  #applied(result: PlanResult, { digest }: Plan, installed: boolean): ApplyResult {
    const { generation, confirmation: confirm } = this;
    return { ...result, generation, digest, installed, confirm };
  }

  /** Before its turn: a nameserver that does not answer must not keep a confirmation waiting. */
  async #compile(source: PolicySource, signal?: AbortSignal): Promise<Compiled> {
    const compiled = await this.#compiler.compile(source, signal).catch(throwRefused);
    this.#checkPorts(compiled);
    return compiled;
  }

  #checkPorts({ plan }: Compiled): void {
    try {
      checkBoundPorts(plan, this.#deps.ports);
    } catch (error) {
      throwRefused(error);
    }
  }

  /** What a plan would change, were it installed. */
  async #foresee(plan: Plan): Promise<PlanResult> {
    const before = this.active?.plan ?? null;
    const result = await this.#compare(before, plan);
    if (before?.digest === plan.digest) return result;
    const classes = await inSlices(packetClasses(before, plan));
    const statesCut = await this.#deps.countCut(plan, this.#installation.held);
    return { ...result, ...packetChanges(classes), statesCut };
  }

  /** The rules and limits of two plans, side by side. */
  async #compare(before: Plan | null, plan: Plan): Promise<PlanResult> {
    const changes = await inSlices(ruleChanges(before, plan));
    return {
      differs: before?.digest !== plan.digest || changes.length > 0,
      changes,
      limits: diffLimits(before, plan),
      bindings: diffBindings(before, plan),
      ...packetChanges([]),
      warnings: [...plan.warnings],
      rules: plan.rules.length,
      hosts: plan.hosts.length,
      statesCut: 0,
    };
  }
}

function throwRefused(error: unknown): never {
  if (!(error instanceof PolicyError)) throw error;
  throw new ServiceError('invalid', error.message, error.position);
}
