import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes `path` and what leads to it; returns the first directory that it made, if any.
 *
 * It stands in for the `recursive` of Node's mkdir, which never returns where the parent is there
 * and the kernel answers ENOENT all the same: anywhere below /proc.
 */
export function makeDirectories(path: string, mode = 0o777): string | undefined {
  try {
    mkdirSync(path, { mode });
    return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && isDirectory(path)) return undefined;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path) throw error;
    const first = makeDirectories(parent, mode);
    // Here the parent was not what is missing.
    if (first === undefined) throw error;
    makeDirectories(path, mode);
    return first;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
