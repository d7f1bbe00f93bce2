/** The policy that is sent. */
import { readFile } from 'node:fs/promises';
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
