/** A thread that compiles, as the daemon sees it: one task at a time. */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../package.js';
import { PolicyError } from '../../policy/index.js';
import { ServiceError } from '../../service.js';
import type { Names, Order, Task, Told } from './messages.js';

/**
 * Little of what a compiler makes dies young: with what is usual it copies for a third of its time. The daemon
 * itself is started with less, and heaps are made by the flags of the process, not by what a thread is given.
 */
const YOUNG_MB = 32;
/** Of V8, set before the thread begins; what the compiler keeps of code is for the very flags that were set then. */
export const THREAD_FLAGS = [
  `--max-semi-space-size=${YOUNG_MB}`,
  `--min-semi-space-size=${YOUNG_MB / 2}`,
];

/** A packed plan with the names that it was made of, or why there is none. */
export type Answer =
  | { readonly kind: 'plan'; readonly packed: Uint8Array; readonly resolved: Names }
  | { readonly kind: 'refused'; readonly error: PolicyError };

type Uses = Extract<Told, { kind: 'names' }>['uses'];

export class CompileWorker {
  readonly #thread: Worker;
  #ended = false;

  constructor() {
    for (const flag of THREAD_FLAGS) setFlagsFromString(flag);
    this.#thread = new Worker(`require(${JSON.stringify(loader())}).load('compile-thread')`, {
      eval: true,
      resourceLimits: { maxYoungGenerationSizeMb: 3 * YOUNG_MB },
    });
    // Also while it rests, when nobody listens for an answer.
    for (const event of ['exit', 'error'] as const) {
      this.#thread.on(event, () => {
        this.#ended = true;
      });
    }
  }

  /** Whether it is of no further use. */
  get ended(): boolean {
    return this.#ended;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#thread.terminate();
  }

  /**
   * After an error it is of no further use.
   * @throws ServiceError when it runs out of memory, or is ended; what `resolve` throws
   */
  async compile(task: Task, resolve: (uses: Uses) => Promise<Names>): Promise<Answer> {
    const over = new AbortController();
    this.#thread.ref();
    try {
      return await this.#listen(task, resolve, over.signal);
    } finally {
      over.abort();
      // It is no reason for the process to stay.
      this.#thread.unref();
    }
  }

  #listen(
    task: Task,
    resolveNames: (uses: Uses) => Promise<Names>,
    over: AbortSignal,
  ): Promise<Answer> {
    const thread = this.#thread;
    const say = (order: Order) => thread.postMessage(order);
    return new Promise((resolve, reject) => {
      let resolved: Names = task.names ?? new Map();
      const onMessage = (told: Told) => {
        if (told.kind === 'plan') return resolve({ kind: 'plan', packed: told.bytes, resolved });
        if (told.kind === 'refused') {
          const { code, position, problem, hint } = told;
          const error = new PolicyError(code, position, problem, hint);
          return resolve({ kind: 'refused', error });
        }
        resolveNames(told.uses).then((found) => {
          resolved = found;
          say({ kind: 'resolved', names: found });
        }, reject);
      };
      const onError = (error: NodeJS.ErrnoException) => {
        const tooLarge = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        if (!tooLarge) return reject(error);
        reject(new ServiceError('invalid', 'the policy is too large to be read: out of memory'));
      };
      const onExit = () => {
        const what = 'the thread that compiled the policy was ended';
        reject(new ServiceError('internal', `${what}: nothing was changed`));
      };
      thread.on('message', onMessage).on('error', onError).on('exit', onExit);
      over.addEventListener('abort', () => {
        thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      });
      say({ kind: 'compile', task });
    });
  }
}

/** It runs what `make build` made one file of, also where this module runs from its source. */
function loader(): string {
  return join(packageRoot(), 'bin/load.cjs');
}
