/**
 * From the text of a policy to its plan. What is large is read and compiled by a thread of its own,
 * one at a time: the event loop, and with it all that guards the wall, goes on meanwhile, and the
 * memory that it took goes with the thread.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Serial } from '../../dataplane/serial.js';
import { packageRoot } from '../../package.js';
import { compile, PolicyError, parsePolicy, type ResolvedNames } from '../../policy/index.js';
import { type PolicySource, ServiceError } from '../../service.js';
import { inSlices } from '../../slices.js';
import type { GenerationRecord } from '../../store/index.js';
import { type Resolve, resolveNames } from '../names.js';
import type { Task, Told } from './messages.js';
import { type PackedPlan, packPlan, unpackPlan } from './packed-plan.js';

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
/** Little of what a parser makes dies young: with the 48 MB that are usual it copies for a third of its time. */
const YOUNG_MB = 96;

export class PolicyCompiler {
  readonly #resolve: Resolve | undefined;
  readonly #large: number;
  readonly #serial = new Serial();
  readonly #threads = new Set<Worker>();

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
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
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
    const thread = new Worker(threadFile(), {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#threads.add(thread);
    const stop = () => void thread.terminate();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const { packed, resolved } = await this.#listen(thread, task.names);
      return { packed, resolved, plan: await inSlices(unpackPlan(packed)) };
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#threads.delete(thread);
      await thread.terminate();
    }
  }

  #listen(
    thread: Worker,
    names: Task['names'],
  ): Promise<{ packed: Uint8Array; resolved: ResolvedNames }> {
    return new Promise((resolve, reject) => {
      let resolved: ResolvedNames = names ?? new Map();
      thread.on('message', (told: Told) => {
        if (told.kind === 'plan') return resolve({ packed: told.bytes, resolved });
        if (told.kind === 'refused') {
          return reject(new PolicyError(told.code, told.position, told.problem, told.hint));
        }
        resolveNames(told.uses, this.#resolve).then((found) => {
          resolved = found;
          thread.postMessage(found);
        }, reject);
      });
      thread.once('error', (error: NodeJS.ErrnoException) => {
        const tooLarge = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        if (!tooLarge) return reject(error);
        reject(new ServiceError('invalid', 'the policy is too large to be read: out of memory'));
      });
      thread.once('exit', () => {
        const what = 'the thread that compiled the policy was ended';
        reject(new ServiceError('internal', `${what}: nothing was changed`));
      });
    });
  }
}

/** Compiled JavaScript also where this module runs from its source. */
function threadFile(): string {
  return join(packageRoot(), 'dist/src/control/daemon/compiler/thread.js');
}
