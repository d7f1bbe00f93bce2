/**
 * Installed policies on disk: `generations/N.json`, one file a generation, and `current.json`, which
 * says which of them is installed. Every file carries the digest of its content, so that a torn or
 * edited one is told from a good one.
 */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { turn } from '../slices.js';
import { ioError, makeDirectory, readIfThere, UNFINISHED, writeAtomic } from './atomic-file.js';
import { StoreError } from './errors.js';

/** Generations that pruning leaves, the current one among them. */
export const KEPT_GENERATIONS = 100;

const FILE_NAME = /^([1-9][0-9]*)\.json$/;
const envelope = z.strictObject({ format: z.literal(1), sha256: z.string(), content: z.unknown() });
const currentContent = z.strictObject({ generation: z.int().min(0) });

/** A store of records of type T, which hold their own generation number, from 1. */
export class GenerationStore<T extends { readonly generation: number }> {
  readonly directory: string;
  readonly #schema: z.ZodType<T>;
  /** The generation that was last put on disk, and is there. */
  #written = 0;

  private constructor(directory: string, schema: z.ZodType<T>) {
    this.directory = directory;
    this.#schema = schema;
  }

  /** Opens the store, made when missing. Throws StoreError `io`. */
  static async open<T extends { readonly generation: number }>(
    directory: string,
    schema: z.ZodType<T>,
  ): Promise<GenerationStore<T>> {
    const store = new GenerationStore(directory, schema);
    await makeDirectory(store.#generations());
    for (const each of [directory, store.#generations()]) await removeUnfinished(each);
    return store;
  }

  /** The installed generation, or undefined when none ever was. Throws StoreError. */
  async current(): Promise<T | undefined> {
    const generation = await this.currentNumber();
    return generation === 0 ? undefined : await this.read(generation);
  }

  /** Number of the installed generation; 0: none. Throws StoreError. */
  async currentNumber(): Promise<number> {
    const path = this.#currentFile();
    const text = await readIfThere(path);
    return text === undefined ? 0 : (await unwrap(path, text, currentContent)).generation;
  }

  /** One generation. Throws StoreError `missing` or `corrupt`. */
  async read(generation: number): Promise<T> {
    const path = this.#file(generation);
    const text = await readIfThere(path);
    if (text === undefined) {
      throw new StoreError('missing', path, `generation ${generation} is not kept`);
    }
    const record = await unwrap(path, text, this.#schema);
    if (record.generation !== generation) {
      throw new StoreError('corrupt', path, `holds generation ${record.generation}`);
    }
    return record;
  }

  /** Numbers of the generations on disk, ascending. */
  async list(): Promise<number[]> {
    const names = await listNames(this.#generations());
    return names
      .flatMap((name) => Number(FILE_NAME.exec(name)?.[1] ?? 0) || [])
      .sort((a, b) => a - b);
  }

  /**
   * Puts a record on disk without making it current: whoever is killed before `setCurrent` comes
   * back to the generation before. A generation of the same number is replaced.
   */
  async write(record: T): Promise<void> {
    const path = this.#file(record.generation);
    const checked = this.#schema.safeParse(record);
    if (!checked.success || !Number.isSafeInteger(record.generation) || record.generation < 1) {
      const why = checked.success ? 'generation: not a number from 1' : firstIssue(checked.error);
      throw new StoreError('invalid', path, `the record is not what the store holds (${why})`);
    }
    await turn();
    if (this.#written === record.generation) this.#written = 0;
    await writeAtomic(path, wrap(checked.data));
    this.#written = record.generation;
  }

  /** Says which generation is installed; 0: none. It must be on disk, and is read to be sure unless it was just written. */
  async setCurrent(generation: number): Promise<void> {
    if (generation !== 0 && generation !== this.#written) await this.read(generation);
    await writeAtomic(this.#currentFile(), wrap({ generation }));
  }

  /** Removes all but the last `keep` generations; never the current one. Returns what it removed. */
  async prune(keep: number = KEPT_GENERATIONS): Promise<number[]> {
    const current = await this.currentNumber();
    const others = (await this.list()).filter((generation) => generation !== current);
    const room = Math.max(0, keep - (current === 0 ? 0 : 1));
    const old = others.slice(0, Math.max(0, others.length - room));
    for (const generation of old) await remove(this.#file(generation));
    return old;
  }

  /** Removes a generation that never came to judge. */
  async discard(generation: number): Promise<void> {
    if (this.#written === generation) this.#written = 0;
    await remove(this.#file(generation));
  }

  #generations(): string {
    return join(this.directory, 'generations');
  }

  #file(generation: number): string {
    return join(this.#generations(), `${generation}.json`);
  }

  #currentFile(): string {
    return join(this.directory, 'current.json');
  }
}

function digest(json: string): string {
  return createHash('sha256').update(json).digest('hex');
}

function wrap(content: unknown): string {
  const json = JSON.stringify(content);
  return `{"format": 1, "sha256": "${digest(json)}", "content": ${json}}\n`;
}

/** A record may be large: the event loop has its turn between the steps. */
async function unwrap<T>(path: string, text: string, schema: z.ZodType<T>): Promise<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new StoreError('corrupt', path, 'is corrupt: not JSON');
  }
  const outer = envelope.safeParse(json);
  if (!outer.success) {
    throw new StoreError('corrupt', path, `is corrupt: ${firstIssue(outer.error)}`);
  }
  await turn();
  if (digest(JSON.stringify(outer.data.content)) !== outer.data.sha256) {
    throw new StoreError('corrupt', path, 'is corrupt: its digest does not match its content');
  }
  await turn();
  const inner = schema.safeParse(outer.data.content);
  if (!inner.success) {
    throw new StoreError('corrupt', path, `is corrupt: ${firstIssue(inner.error)}`);
  }
  return inner.data;
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'unknown shape';
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`;
}

async function listNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw ioError(directory, 'cannot be listed', error);
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw ioError(path, 'cannot be removed', error);
  }
}

async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await listNames(directory)) {
    if (name.startsWith(UNFINISHED)) await remove(join(directory, name));
  }
}
