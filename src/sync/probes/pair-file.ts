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

  /**
   * Keys of a pair with another node are none. What cannot be read is told, and is as if it were not there: the
   * role word knows the epoch too, and the pair agrees on a key anew.
   */
  static async open(
    directory: string,
    peer: string,
    warn: (message: string) => void,
  ): Promise<PairFile> {
    const path = join(directory, 'pair.json');
    try {
      const { epoch, keys } = await read(path, peer);
      return new PairFile(path, peer, epoch, keys);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      warn(`${error.message}; the pair goes on without its keys until it has agreed on one anew`);
      return new PairFile(path, peer, 0, NO_KEYS);
    }
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

async function read(path: string, peer: string): Promise<{ epoch: number; keys: PairKeys }> {
  const text = await readIfThere(path);
  if (text === undefined) return { epoch: 0, keys: NO_KEYS };
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new StoreError('corrupt', path, 'is no JSON');
  }
  const found = shape.safeParse(content);
  if (!found.success)
    throw new StoreError('corrupt', path, 'is not what this version writes there');
  const { keys, sign, epoch } = found.data;
  if (found.data.peer.toLowerCase() !== peer.toLowerCase()) return { epoch, keys: NO_KEYS };
  const buffer = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'));
  return { epoch, keys: signable({ slots: [buffer(keys[0]), buffer(keys[1])], sign }) };
}
