/** Where the project is, whether this runs compiled from `dist/` or straight from `src/` in a test. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function find(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  const parent = dirname(directory);
  if (parent === directory) throw new Error('the project has no package.json');
  return find(parent);
}

/** Top of the project, where `bin/`, `dist/` and `examples/` are. */
export const ROOT = find(dirname(fileURLToPath(import.meta.url)));
