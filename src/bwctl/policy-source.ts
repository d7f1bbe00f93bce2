/** The policy that is sent, and who sends it. */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { buffer } from 'node:stream/consumers';
import type { PolicySource } from '../control/service.js';
import { CommandError } from './errors.js';

const READ_ERRORS: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
};

/**
 * Reads a policy; `-` is standard input.
 *
 * @throws CommandError `EFILE` when it cannot be read or is not UTF-8
 */
export async function readPolicy(file: string): Promise<PolicySource> {
  const name = file === '-' ? '<stdin>' : file;
  let bytes: Uint8Array;
  try {
    bytes = file === '-' ? await buffer(process.stdin) : await readFile(file);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new CommandError('EFILE', `${name}: ${READ_ERRORS[code] ?? message}`);
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), file: name };
  } catch {
    throw new CommandError('EFILE', `${name}: not a text in UTF-8`);
  }
}

/** Who runs this command, for the history: `alice (uid 0)`. */
export function caller(env: NodeJS.ProcessEnv): string {
  const uid = process.getuid?.() ?? -1;
  const name = env.SUDO_USER ?? accountName() ?? 'unknown';
  return `${name} (uid ${uid})`;
}

/** A user id without an account has no name. */
function accountName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
