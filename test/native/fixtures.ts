import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfError } from '../../native/lib/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Compiles test/native/NAME.bpf.c with clang; returns the object's path. */
export function compile(name: string, ...flags: string[]): string {
  const directory = join(ROOT, 'build', 'test', 'native');
  mkdirSync(directory, { recursive: true });
  const object = join(directory, `${name}.${process.pid}.o`);
  const source = join(ROOT, 'test', 'native', `${name}.bpf.c`);
  const options = [
    '-O2',
    '-g',
    '-target',
    'bpf',
    '-Wall',
    '-I/usr/include/x86_64-linux-gnu',
    ...flags,
  ];
  execFileSync('clang', [...options, '-c', source, '-o', object]);
  return object;
}

/** Removes an object that compile() made. */
export function discard(object: string): void {
  rmSync(object, { force: true });
}

/**
 * The library as JavaScript, for child processes: plain node reads no TypeScript. It lies below the
 * project, so that it finds the addon.
 */
export function compiledLibrary(): string {
  const parent = join(ROOT, 'build', 'test');
  mkdirSync(parent, { recursive: true });
  const out = mkdtempSync(join(parent, 'native-js-'));
  const entry = join(out, 'native', 'lib', 'index.js');
  execFileSync(join(ROOT, 'node_modules', '.bin', 'tsc'), [
    '-p',
    join(ROOT, 'native'),
    '--outDir',
    out,
  ]);
  if (!existsSync(entry)) throw new Error(`${entry} was not made`);
  return entry;
}

/** Removes what compiledLibrary() made. */
export function discardLibrary(entry: string): void {
  rmSync(join(entry, '..', '..', '..'), { recursive: true, force: true });
}

/** A bpf file system of one's own, unmounted by remove(). */
export function mountBpffs(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'libbpf-ts-'));
  execFileSync('mount', ['-t', 'bpf', 'bpf', path]);
  return {
    path,
    remove: () => {
      execFileSync('umount', [path]);
      rmdirSync(path);
    },
  };
}

/** The BpfError that `run` throws; fails when it throws nothing or something else. */
export function errorOf(run: () => unknown): BpfError {
  try {
    run();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A value of the wrong type, for calls that JavaScript callers can get wrong. */
export function wrong<T>(value: unknown): T {
  return value as T;
}
