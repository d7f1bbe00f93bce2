/**
 * The compiled plan of the installed generation on disk, so that a daemon that comes back to a large
 * policy need not compile it again. It can always be lost: the record is what counts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { Plan } from '../policy/index.js';
import { type GenerationRecord, writeAtomic } from '../store/index.js';

/** Raised whenever what a plan looks like changes. */
const FORMAT = 2;
const DIGEST_BYTES = 32;

interface Cached {
  readonly format: number;
  readonly generation: number;
  readonly plan: Plan;
}

export class PlanCache {
  readonly #path: string;
  /** What the file is known to hold. */
  #held = 0;

  /** @param directory of the store */
  constructor(directory: string) {
    this.#path = join(directory, 'installed.plan');
  }

  /** The plan of this record; undefined when there is none that could be trusted. */
  async read({ generation, digest }: GenerationRecord): Promise<Plan | undefined> {
    const cached = await this.#load().catch(() => undefined);
    if (cached?.format !== FORMAT || cached.generation !== generation) return undefined;
    if (cached.plan.digest !== digest) return undefined;
    this.#held = generation;
    return cached.plan;
  }

  /** Replaces what was kept before, if that was another. @throws StoreError */
  async keep({ generation }: GenerationRecord, plan: Plan): Promise<void> {
    if (this.#held === generation) return;
    const content = serialize({ format: FORMAT, generation, plan } satisfies Cached);
    await writeAtomic(this.#path, Buffer.concat([sha256(content), content]));
    this.#held = generation;
  }

  async #load(): Promise<Cached | undefined> {
    const file = await readFile(this.#path);
    const content = file.subarray(DIGEST_BYTES);
    if (!sha256(content).equals(file.subarray(0, DIGEST_BYTES))) return undefined;
    return deserialize(content) as Cached;
  }
}

function sha256(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}
