/** The generations of the store, as operators ask for them. */
import type { OriginClock } from '../../sync/shared/origin.js';
import { diffBindings, diffLimits, PolicyError } from '../policy/index.js';
import {
  type HistoryEntry,
  type PolicyDifference,
  type PolicyText,
  ServiceError,
} from '../service.js';
import { inSlices } from '../slices.js';
import { type GenerationRecord, type GenerationStore, StoreError } from '../store/index.js';
import type { PolicyCompiler } from './compiler/compiler.js';
import { ruleChanges } from './records.js';

type Summary = Omit<HistoryEntry, 'current'>;

export class History {
  readonly #store: GenerationStore<GenerationRecord>;
  readonly #compiler: PolicyCompiler;
  readonly #warn: (message: string) => void;
  readonly #origins: OriginClock;
  /** Records are large and do not change once they are confirmed. */
  readonly #known = new Map<number, Summary>();

  constructor(
    store: GenerationStore<GenerationRecord>,
    compiler: PolicyCompiler,
    origins: OriginClock,
    warn: (message: string) => void,
  ) {
    this.#store = store;
    this.#compiler = compiler;
    this.#origins = origins;
    this.#warn = warn;
  }

  /** The latest first; `judging` is the generation to mark. What cannot be read is left out. */
  async list(judging: number): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = [];
    for (const generation of (await this.#store.list()).reverse()) {
      const summary = await this.#summary(generation);
      if (summary !== null) entries.push({ ...summary, current: generation === judging });
    }
    return entries;
  }

  /** @throws ServiceError `not-found`, `internal` */
  async text(generation: number): Promise<PolicyText> {
    return textOf(await this.record(generation));
  }

  /** @throws ServiceError `not-found`, `internal` */
  async diff(from: number, to: number): Promise<PolicyDifference> {
    const [before, after] = [await this.record(from), await this.record(to)];
    const [old, now] = [await this.#plan(before), await this.#plan(after)];
    const changes = await inSlices(ruleChanges(old, now));
    return {
      from: textOf(before),
      to: textOf(after),
      differs: changes.length > 0 || before.digest !== after.digest || before.text !== after.text,
      changes,
      limits: diffLimits(old, now),
      bindings: diffBindings(old, now),
    };
  }

  /**
   * The last confirmed generation before this one that had another policy.
   * @throws ServiceError `precondition` when there is none
   */
  async before({ generation, text, digest }: GenerationRecord): Promise<GenerationRecord> {
    for (const earlier of (await this.#store.list()).reverse()) {
      if (earlier >= generation) continue;
      const summary = await this.#summary(earlier);
      if (summary === null || !summary.confirmed) continue;
      const record = await this.record(earlier);
      if (record.digest !== digest || record.text !== text) return record;
    }
    throw new ServiceError('precondition', 'there is no other policy before to go back to');
  }

  /** @throws ServiceError `not-found`, `internal` */
  async record(generation: number): Promise<GenerationRecord> {
    try {
      return await this.#store.read(generation);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code !== 'missing') throw new ServiceError('internal', error.message);
      throw new ServiceError('not-found', `generation ${generation} is not kept`);
    }
  }

  /** A record was written anew. */
  forget(generation: number): void {
    this.#known.delete(generation);
  }

  async #plan(record: GenerationRecord) {
    try {
      return (await this.#compiler.recompile(record)).plan;
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      throw new ServiceError('internal', `generation ${record.generation}: ${error.message}`);
    }
  }

  async #summary(generation: number): Promise<Summary | null> {
    const known = this.#known.get(generation);
    if (known !== undefined) return known;
    try {
      const record = await this.#store.read(generation);
      const { at, by, uid, why, digest, rules, ruleSlots, file, confirmed } = record;
      const { epoch, generation: number, node } = this.#origins.of(record);
      const summary: Summary = {
        generation,
        at,
        who: { user: by, uid },
        why,
        digest,
        rules: rules ?? ruleSlots.names.length,
        file,
        confirmed,
        origin: { epoch, generation: number, node },
        received: node !== this.#origins.node,
      };
      if (confirmed) this.#known.set(generation, summary);
      return summary;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#warn(error.message);
      return null;
    }
  }
}

function textOf({ generation, file, digest, text }: GenerationRecord): PolicyText {
  return { generation, file, digest, text };
}
