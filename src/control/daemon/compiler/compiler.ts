/**
 * From the text of a policy to its plan. What is large is read and compiled by a thread of its own,
 * one at a time: the event loop, and with it all that guards the wall, goes on meanwhile, and the
 * memory that it took goes with the thread, soon after.
 */
import { Serial } from '../../dataplane/serial.js';
import { compile, parsePolicy, type ResolvedNames } from '../../policy/index.js';
import type { PolicySource } from '../../service.js';
import { inSlices } from '../../slices.js';
import type { GenerationRecord } from '../../store/index.js';
import { type Resolve, resolveNames } from '../names.js';
import type { Task } from './messages.js';
import { type PackedPlan, packPlan, unpackPlan } from './packed-plan.js';
import { CompileWorker } from './worker.js';

/** A policy that was compiled. */
export interface Compiled extends PackedPlan {
  readonly resolved: ResolvedNames;
}

/** What is kept of a policy to compile it again. */
type Stored = Pick<GenerationRecord, 'text' | 'file' | 'resolved'>;

export interface CompilerOptions {
  readonly resolve?: Resolve;
  /** Length in characters from which a text is large. */
  readonly large?: number;
}

/** Takes about 15 ms; a thread needs 100 ms to get going. */
const LARGE = 16_384;
/**
 * A thread that has compiled is there for the next for so long: it need not be started, and knows its code. Whoever
 * has a policy planned applies it soon; after that, all its memory goes.
 */
const REST_MS = 10_000;

export class PolicyCompiler {
  readonly #resolve: Resolve | undefined;
  readonly #large: number;
  readonly #serial = new Serial();
  #worker: CompileWorker | null = null;
  /** Ends the worker. */
  #rest: NodeJS.Timeout | undefined;

  constructor({ resolve, large = LARGE }: CompilerOptions = {}) {
    this.#resolve = resolve;
    this.#large = large;
  }

  /**
   * With names as they resolve now.
   * @param signal ends the work
   * @throws PolicyError
   * @throws ServiceError `internal` when the thread is ended from outside
   */
  async compile({ text, file }: PolicySource, signal?: AbortSignal): Promise<Compiled> {
    return await this.#compile({ text, file, names: null }, signal);
  }

  /** A stored policy, with the addresses that its names stood for when it was applied. @throws PolicyError, ServiceError */
  async recompile({ text, file, resolved }: Stored): Promise<Compiled> {
    return await this.#compile({ text, file, names: new Map(Object.entries(resolved)) });
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    clearTimeout(this.#rest);
    await this.#worker?.end();
  }

  async #compile(task: Task, signal?: AbortSignal): Promise<Compiled> {
    if (task.text.length >= this.#large) {
      return await this.#serial.run(() => this.#inThread(task, signal));
    }
    const policy = parsePolicy(task.text, task.file);
    const resolved = task.names ?? (await resolveNames(policy.names, this.#resolve));
    const plan = compile(policy, { names: resolved });
    return { plan, packed: packPlan(plan), resolved };
  }

  async #inThread(task: Task, signal?: AbortSignal): Promise<Compiled> {
    signal?.throwIfAborted();
    clearTimeout(this.#rest);
    if (this.#worker === null || this.#worker.ended) this.#worker = new CompileWorker();
    const worker = this.#worker;
    const stop = () => void worker.end();
    signal?.addEventListener('abort', stop, { once: true });
    const answer = await worker
      .compile(task, (uses) => resolveNames(uses, this.#resolve))
      .catch(async (error) => {
        await worker.end();
        throw error;
      })
      .finally(() => signal?.removeEventListener('abort', stop));
    this.#rest = setTimeout(stop, REST_MS).unref();
    if (answer.kind === 'refused') throw answer.error;
    const { packed, resolved } = answer;
    return { packed, resolved, plan: await inSlices(unpackPlan(packed)) };
  }
}
