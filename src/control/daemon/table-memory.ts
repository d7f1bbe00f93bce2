/**
 * By what the node's nft tables are known again, in its store: tables that still stand as the last
 * daemon left them are not loaded anew. It can always be lost.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TableMemory } from '../netfilter/index.js';
import { writeAtomic } from '../store/index.js';

/**
 * @param directory of the store
 * @param onTrouble called when it cannot be written: the next daemon loads the tables anew
 */
export function tableMemory(directory: string, onTrouble: (error: unknown) => void): TableMemory {
  const path = join(directory, 'tables');
  return {
    recall: () => readFile(path, 'utf8').catch(() => undefined),
    keep: (digest) => writeAtomic(path, digest).catch(onTrouble),
  };
}
