/** The unix socket as a file: whose it is, and making room for a new one. */
import { lstat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectories } from '../directories.js';
import { ApiError } from './errors.js';
import { knock } from './unreachable.js';

/** `sun_path` holds 108 bytes, the terminating zero included. */
const LONGEST_PATH = 107;

/**
 * Makes `path` free to be bound: creates its directory and removes the socket of a daemon that died.
 *
 * @throws ApiError `ESOCKETINUSE` when somebody answers there; `ESOCKETPATH` when the path is too
 *   long, is something else than a socket, or its directory cannot be made
 */
export async function prepareSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new ApiError('ESOCKETPATH', `socket ${path}: longer than ${LONGEST_PATH} bytes`);
  }
  try {
    makeDirectories(dirname(path), 0o755);
    const found = await lstat(path).catch(absent);
    if (found === undefined) return;
    if (!found.isSocket()) {
      throw new ApiError('ESOCKETPATH', `socket ${path}: there is something else of that name`);
    }
    if (await answers(path)) throw new ApiError('ESOCKETINUSE', `socket in use: ${path}`);
    await unlink(path).catch(absent);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new ApiError('ESOCKETPATH', `socket ${path}: ${message}`, { cause: error });
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/**
 * Whether a process listens on the socket. Only a refusal proves that none does: a full backlog or a
 * stopped process is a live one that is slow.
 */
async function answers(path: string): Promise<boolean> {
  const refusal = await knock(path);
  return refusal !== 'ECONNREFUSED' && refusal !== 'ENOENT';
}
