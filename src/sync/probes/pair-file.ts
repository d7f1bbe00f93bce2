/** What a node of a pair keeps on disk: the highest epoch that it heard of, and the keys. */
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeAtomic } from '../../control/store/atomic-file.js';
import { StoreError } from '../../control/store/errors.js';
import { NO_KEYS, type PairKeys, signable } from './keys.js';

const key = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .nullable();
const shape = z.strictObject({
  /** Of which node it is the other. */
  peer: z.string(),
  epoch: z.number().int().min(0).max(0xffffffff),
  keys: z.tuple([key, key]),
  sign: z.number().int().min(0).max(1),
});

export class PairFile {
  readonly #path: string;
  readonly #peer: string;
  #epoch: number;
  #keys: PairKeys;
  #writes: Promise<void> = Promise.resolve();

  private constructor(path: string, peer: string, epoch: number, keys: PairKeys) {
    this.#path = path;
    this.#peer = peer;
    this.#epoch = epoch;
    this.#keys = keys;
  }

  /** Keys of a pair with another node are none. @throws StoreError */
  static async open(directory: string, peer: string): Promise<PairFile> {
    const path = join(directory, 'pair.json');
    const text = await readIfThere(path);
    if (text === undefined) return new PairFile(path, peer, 0, NO_KEYS);
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch {
      throw new StoreError('corrupt', path, 'is no JSON; without it the pair agrees on a key anew');
    }
    const read = shape.safeParse(content);
    if (!read.success) {
      throw new StoreError('corrupt', path, 'is not what was written there; remove it');
    }
    const { keys, sign, epoch } = read.data;
    const buffer = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'));
    const own = read.data.peer.toLowerCase() === peer.toLowerCase();
    const known = signable({ slots: [buffer(keys[0]), buffer(keys[1])], sign });
    return new PairFile(path, peer, epoch, own ? known : NO_KEYS);
  }

  get epoch(): number {
    return this.#epoch;
  }

  get keys(): PairKeys {
    return this.#keys;
  }

  /** @throws StoreError */
  keepEpoch(epoch: number): Promise<void> {
    this.#epoch = epoch;
    return this.#write();
  }

  /** @throws StoreError */
  async keepKeys(keys: PairKeys): Promise<void> {
    const before = this.#keys;
    this.#keys = keys;
    try {
      await this.#write();
    } catch (error) {
      this.#keys = before;
      throw error;
    }
  }

  #write(): Promise<void> {
    const write = this.#writes.then(() => {
      const { slots, sign } = this.#keys;
      const keys = slots.map((one) => one?.toString('hex') ?? null);
      const content = { peer: this.#peer, epoch: this.#epoch, keys, sign };
      return writeAtomic(this.#path, `${JSON.stringify(content)}\n`);
    });
    this.#writes = write.catch(() => {});
    return write;
  }
}
