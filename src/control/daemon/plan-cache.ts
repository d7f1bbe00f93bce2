/**
 * The compiled plan of the installed generation on disk, so that a daemon that comes back to a large
 * policy need not compile it again. It can always be lost: the record is what counts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inSlices } from '../slices.js';
import { type GenerationRecord, writeAtomic } from '../store/index.js';
import { type PackedPlan, unpackPlan } from './compiler/packed-plan.js';

/** Raised whenever what a plan looks like changes. */
const FORMAT = 10;
const DIGEST_BYTES = 32;
/** Digest of all that follows, format, generation. */
const HEAD_BYTES = DIGEST_BYTES + 8;

export class PlanCache {
  readonly #path: string;
  /** What the file is known to hold. */
  #held = 0;

  /** @param directory of the store */
  constructor(directory: string) {
    this.#path = join(directory, 'installed.plan');
  }

  /** The plan of this record; undefined when there is none that could be trusted. */
  async read({ generation, digest }: GenerationRecord): Promise<PackedPlan | undefined> {
    const found = await this.#load(generation).catch(() => undefined);
    if (found?.plan.digest !== digest) return undefined;
    this.#held = generation;
    return found;
  }

  /** Replaces what was kept before, if that was another. @throws StoreError */
  async keep({ generation }: GenerationRecord, packed: Uint8Array): Promise<void> {
    if (this.#held === generation) return;
    const file = Buffer.alloc(HEAD_BYTES + packed.length);
    file.writeUInt32LE(FORMAT, DIGEST_BYTES);
    file.writeUInt32LE(generation, DIGEST_BYTES + 4);
    file.set(packed, HEAD_BYTES);
    file.set(sha256(file.subarray(DIGEST_BYTES)));
    await writeAtomic(this.#path, file);
    this.#held = generation;
  }

  async #load(generation: number): Promise<PackedPlan | undefined> {
    const file = await readFile(this.#path);
    if (!sha256(file.subarray(DIGEST_BYTES)).equals(file.subarray(0, DIGEST_BYTES))) {
      return undefined;
    }
    if (file.readUInt32LE(DIGEST_BYTES) !== FORMAT) return undefined;
    if (file.readUInt32LE(DIGEST_BYTES + 4) !== generation) return undefined;
    const packed = file.subarray(HEAD_BYTES);
    return { packed, plan: await inSlices(unpackPlan(packed)) };
  }
}

function sha256(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}
