/**
 * The installed policy of a node: what judges in the kernel, the text it came from, and the way from
 * a new text to a new generation. Everything that changes it goes through here, one at a time.
 */
import {
  DataplaneError,
  type Installer,
  NO_POLICY_NUMBERS,
  type Numbering,
  type Prepared,
  Serial,
  type Sets,
} from '../dataplane/index.js';
import {
  compile,
  diffRules,
  type Plan,
  PolicyError,
  parsePolicy,
  type ResolvedNames,
  type RuleDifference,
} from '../policy/index.js';
import {
  type ApplyResult,
  type PlanResult,
  type PolicySource,
  type RuleChange,
  ServiceError,
} from '../service.js';
import { type GenerationRecord, type GenerationStore, StoreError } from '../store/index.js';
import { type Resolve, resolveNames } from './names.js';
import { RuleIndex, ruleRef } from './rules.js';

/** What is installed. */
export interface ActivePolicy {
  readonly generation: number;
  readonly text: string;
  readonly plan: Plan;
  readonly numbering: Numbering;
}

/** How the policy came to be the installed one when the daemon started. */
export type Restoration =
  | { readonly kind: 'none' }
  | { readonly kind: 'adopted'; readonly generation: number }
  | { readonly kind: 'reinstalled'; readonly generation: number; readonly why: string }
  | { readonly kind: 'unknown'; readonly generation: number; readonly why: string };

export interface PolicyDeps {
  readonly installer: Installer;
  readonly sets: Sets;
  readonly store: GenerationStore<GenerationRecord>;
  readonly resolve?: Resolve;
  /** Told about what went wrong after a switch, when it no longer changes the outcome. */
  readonly warn: (message: string) => void;
}

interface Compiled {
  readonly plan: Plan;
  readonly resolved: ResolvedNames;
}

export class Policies {
  readonly #deps: PolicyDeps;
  readonly #serial = new Serial();
  #active: ActivePolicy | null = null;
  #index = new RuleIndex(null);

  constructor(deps: PolicyDeps) {
    this.#deps = deps;
  }

  get active(): ActivePolicy | null {
    return this.#active;
  }

  get index(): RuleIndex {
    return this.#index;
  }

  /** Generation that judges, by what the kernel says; 0: none. */
  get generation(): number {
    return this.#deps.installer.current().generation;
  }

  /**
   * At start: knows again what judges in the kernel, or installs the last policy of the store as a
   * new generation when nothing does or when it cannot be told what does.
   */
  restore(): Promise<Restoration> {
    return this.#serial.run(async () => {
      const running = this.#deps.installer.current();
      this.#deps.installer.retire(running.slot);
      if (running.generation === 0) return await this.#reinstall('nothing was loaded');
      try {
        const record = await this.#deps.store.read(running.generation);
        this.#adopt(record);
        await this.#deps.store.setCurrent(running.generation);
        return { kind: 'adopted', generation: running.generation };
      } catch (error) {
        if (!(error instanceof StoreError || error instanceof PolicyError)) throw error;
        return await this.#reinstall(error.message);
      }
    });
  }

  /** What `source` would change. @throws ServiceError */
  plan(source: PolicySource): Promise<PlanResult> {
    return this.#serial.run(async () => this.#compare(await this.#compile(source)));
  }

  /** Installs `source` as the next generation, or leaves everything as it is. @throws ServiceError */
  apply(source: PolicySource, by: string, why: string): Promise<ApplyResult> {
    return this.#serial.run(async () => {
      const compiled = await this.#compile(source);
      const result = this.#compare(compiled);
      const { digest } = compiled.plan;
      const same = this.#active !== null && this.#active.text === source.text && !result.differs;
      if (same) {
        return { ...result, generation: this.#active!.generation, digest, installed: false };
      }
      const generation = await this.#next();
      const prepared = this.#prepare(compiled.plan, generation, this.#held());
      await this.#install(prepared, {
        generation,
        text: source.text,
        file: source.file,
        by,
        why,
        at: new Date().toISOString(),
        digest,
        ruleSlots: Object.fromEntries(prepared.ruleSlots),
        dynamicGroups: Object.fromEntries(prepared.groupBits),
        resolved: resolvedRecord(compiled.resolved),
      });
      return { ...result, generation, digest, installed: true };
    });
  }

  #held(): Numbering {
    return this.#active?.numbering ?? NO_POLICY_NUMBERS;
  }

  async #next(): Promise<number> {
    const stored = (await this.#deps.store.current().catch(() => undefined))?.generation ?? 0;
    return Math.max(stored, this.generation) + 1;
  }

  async #compile(source: PolicySource): Promise<Compiled> {
    try {
      const policy = parsePolicy(source.text, source.file);
      const resolved = await resolveNames(policy.names, this.#deps.resolve);
      return { resolved, plan: compile(policy, { names: resolved }) };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      throw new ServiceError('invalid', error.message, error.position);
    }
  }

  #compare({ plan }: Compiled): PlanResult {
    const before = this.#active?.plan ?? null;
    const changes = diffRules(before, plan).map(ruleChange);
    return {
      differs: before === null || before.digest !== plan.digest || changes.length > 0,
      changes,
      warnings: [...plan.warnings],
      rules: plan.rules.length,
      hosts: plan.hosts.length,
    };
  }

  #prepare(plan: Plan, generation: number, held: Numbering): Prepared {
    try {
      return this.#deps.installer.prepare(plan, generation, held);
    } catch (error) {
      if (!(error instanceof DataplaneError)) throw error;
      throw new ServiceError('invalid', error.message);
    }
  }

  /** On disk first, then the switch, then the word that it is current: see GenerationStore.write. */
  async #install(prepared: Prepared, record: GenerationRecord): Promise<void> {
    await this.#deps.store.write(record);
    await this.#deps.sets.clear(prepared.freshBits);
    this.#deps.installer.install(prepared);
    this.#activate(record, prepared.plan, prepared);
    try {
      await this.#deps.store.setCurrent(record.generation);
      await this.#deps.store.prune();
    } catch (error) {
      this.#deps.warn(`generation ${record.generation} is installed, but: ${String(error)}`);
    }
  }

  #activate(record: GenerationRecord, plan: Plan, { ruleSlots, groupBits }: Numbering): void {
    const numbering = { ruleSlots, groupBits };
    this.#active = { generation: record.generation, text: record.text, plan, numbering };
    this.#index = new RuleIndex(plan, numbering);
  }

  #adopt(record: GenerationRecord): void {
    const plan = recompile(record);
    if (plan.digest !== record.digest) {
      throw new StoreError(
        'corrupt',
        `generation ${record.generation}`,
        'its text compiles to something else than what was installed',
      );
    }
    this.#activate(record, plan, numberingOf(record));
  }

  async #reinstall(why: string): Promise<Restoration> {
    const generation = this.generation;
    let record: GenerationRecord | undefined;
    try {
      record = await this.#deps.store.current();
      if (record === undefined) {
        return generation === 0 ? { kind: 'none' } : { kind: 'unknown', generation, why };
      }
      const plan = recompile(record);
      const next = Math.max(record.generation, generation) + 1;
      const prepared = this.#prepare(plan, next, numberingOf(record));
      await this.#install(prepared, {
        ...record,
        generation: next,
        digest: plan.digest,
        ruleSlots: Object.fromEntries(prepared.ruleSlots),
        dynamicGroups: Object.fromEntries(prepared.groupBits),
      });
      return { kind: 'reinstalled', generation: next, why };
    } catch (error) {
      const known = [StoreError, PolicyError, ServiceError, DataplaneError];
      if (!known.some((kind) => error instanceof kind)) throw error;
      return { kind: 'unknown', generation, why: (error as Error).message };
    }
  }
}

/** A stored policy, with the addresses that its names stood for when it was applied. */
function recompile(record: GenerationRecord): Plan {
  const names = new Map(Object.entries(record.resolved));
  return compile(parsePolicy(record.text, record.file), { names });
}

function ruleChange({ kind, before, after }: RuleDifference): RuleChange {
  return { kind, before: before && ruleRef(before), after: after && ruleRef(after) };
}

function numberingOf(record: GenerationRecord): Numbering {
  return {
    ruleSlots: new Map(Object.entries(record.ruleSlots)),
    groupBits: new Map(Object.entries(record.dynamicGroups)),
  };
}

function resolvedRecord(resolved: ResolvedNames): Record<string, string[]> {
  return Object.fromEntries([...resolved].map(([name, addresses]) => [name, [...addresses]]));
}
