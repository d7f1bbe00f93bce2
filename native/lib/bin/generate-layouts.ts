// generate-layouts OBJECT OUTPUT [LIBRARY]: writes the TypeScript of an object's layouts.
// LIBRARY is what the output imports from; by default this library's sources, seen from the output.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateLayouts } from '../generate.js';
import { BpfError, BpfObject } from '../index.js';

function librarySeenFrom(output: string): string {
  // Compiled or not, the output stands among sources and must name the source.
  const library = fileURLToPath(new URL('../index.js', import.meta.url)).replace('/dist/', '/');
  const path = relative(dirname(resolve(output)), library);
  return path.startsWith('.') ? path : `./${path}`;
}

function main(args: readonly string[]): number {
  const [object, output, library] = args;
  if (object === undefined || output === undefined) {
    process.stderr.write('usage: generate-layouts OBJECT OUTPUT [LIBRARY]\n');
    return 1;
  }
  try {
    const opened = BpfObject.open(object);
    const text = generateLayouts(opened.btf(), library ?? librarySeenFrom(output));
    opened.close();
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, text);
    return 0;
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    process.stderr.write(`generate-layouts: ${error.message}\n`);
    return 1;
  }
}

process.exitCode = main(process.argv.slice(2));
