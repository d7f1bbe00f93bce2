/** Which node is meant. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from './errors.js';

/** Where daemons keep their sockets unless told otherwise. */
export const SOCKET_DIRECTORY = '/run/bridgewall';

/**
 * The socket to talk to: the one that was named, else the only one in `directory`.
 *
 * @param named by `--socket` or `BWCTL_SOCKET`; undefined or '' when nobody named any
 * @throws CommandError `ENODE` when there is none, or more than one to choose from
 */
export async function findSocket(
  named: string | undefined,
  directory = SOCKET_DIRECTORY,
): Promise<string> {
  if (named !== undefined && named !== '') return named;
  const sockets = (await socketsIn(directory)).sort();
  const [only, another] = sockets;
  if (only === undefined) {
    throw new CommandError('ENODE', `no daemon: there is no socket in ${directory}`);
  }
  if (another !== undefined) {
    const list = sockets.join(', ');
    throw new CommandError(
      'ENODE',
      `several nodes in ${directory}, name one with --socket: ${list}`,
    );
  }
  return join(directory, only);
}

async function socketsIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((e) => e.isSocket() && e.name.endsWith('.sock')).map((e) => e.name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'EACCES') throw new CommandError('ENODE', `permission denied: ${directory}`);
    throw new CommandError('ENODE', message);
  }
}
