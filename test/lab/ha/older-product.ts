/**
 * This product as an older version of it might be: everything in a directory of its own, and `struct state`
 * with its fields in other places, so that no table of connections can be shared with today's.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../src/lab/root.js';

const COPIED = [
  'bin',
  'bpf',
  'dist',
  'native/lib',
  'proto',
  'src',
  'package.json',
  'tsconfig.json',
];
const LINKED = ['node_modules', 'build/Release', 'build/bundle'];
const STATE = /(?<=^struct state \{\n)(?:.*\n)*?(?=\};)/m;
/** As the Makefile has them. */
const FLAGS = ['-O2', '-g', '-fno-strict-aliasing', '-target', 'bpf', '-mcpu=v3'];

/** Builds it below `directory`; returns the path of its daemon. */
export function buildOlder(directory: string): string {
  for (const path of ['native', 'build/bpf']) mkdirSync(join(directory, path), { recursive: true });
  for (const path of COPIED) cpSync(join(ROOT, path), join(directory, path), { recursive: true });
  for (const path of LINKED) symlinkSync(join(ROOT, path), join(directory, path));
  const run = (file: string, ...args: string[]) =>
    execFileSync(file, args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });

  const header = join(directory, 'bpf/layout_state.h');
  const text = readFileSync(header, 'utf8');
  const fields = STATE.exec(text)?.[0].split('\n').slice(0, -1) ?? [];
  if (fields.length < 6) throw new Error(`${header}: struct state is another one`);
  // The last first: every field moves, and alignment stays.
  writeFileSync(header, text.replace(STATE, `${fields.reverse().join('\n')}\n`));

  const object = 'build/bpf/bridgewall.bpf.o';
  const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
  run(
    'clang',
    ...FLAGS,
    `-I/usr/include/${machine}-linux-gnu`,
    ...['-c', 'bpf/bridgewall.bpf.c', '-o', object],
  );
  // That of the copy: what it writes imports what lies beside it.
  const generator = join(directory, 'dist/native/lib/bin/generate-layouts.js');
  run(process.execPath, generator, object, 'src/generated/layouts.ts');
  run(join(ROOT, 'node_modules/.bin/tsc'), '-p', '.');
  return join(directory, 'bin/bridgewalld');
}
