/** Files that are there whole or not at all, also after a power cut. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeDirectories } from '../directories.js';
import { StoreError } from './errors.js';

/** Begins the name of a file that is not finished. */
export const UNFINISHED = '.unfinished-';

/** Replaces `path` by `content`. The old content stays until the new one is on disk. */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const directory = dirname(path);
  const draft = join(directory, `${UNFINISHED}${process.pid}-${basename(path)}`);
  try {
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncDirectory(directory);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw ioError(path, 'cannot be written', error);
  }
}

/** The text of `path`, or undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError(path, 'cannot be read', error);
  }
}

/** Makes `path` and what leads to it, readable by the owner only. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    const first = makeDirectories(path, 0o700);
    if (first !== undefined) await syncDirectory(dirname(first));
  } catch (error) {
    throw ioError(path, 'cannot be made a directory', error);
  }
}

export function ioError(path: string, what: string, error: unknown): StoreError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new StoreError('io', path, `${what} (${code})`, { cause: error });
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
