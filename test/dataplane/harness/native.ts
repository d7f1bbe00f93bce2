/** The few system calls that tests need and Node has not: compiled at first use into build/test. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Received {
  /** Index into the descriptors that were listened on. */
  readonly wire: number;
  readonly frame: Buffer;
}

export interface NativeWire {
  /** Puts this thread and what it spawns into a new, empty network namespace. */
  enterNewNamespace(): void;
  /** A raw socket on an interface; one that does not listen only sends. */
  openWire(name: string, listening: boolean): number;
  /** Sends frames of `length` bytes each, packed one after the other, `rounds` times over. */
  send(descriptor: number, frames: Buffer, length: number, rounds: number): void;
  /** A raw socket for `sendSparse`. */
  openSparse(name: string, listening: false): number;
  /** Sends a frame of a page or more so that only so many bytes of it arrive in linear memory. */
  sendSparse(descriptor: number, frame: Buffer, linear: number): void;
  /** The next frame on any of the descriptors, its tag put back, or undefined after the time. */
  receive(descriptors: number[], milliseconds: number): Received | undefined;
  closeWire(descriptor: number): void;
}

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** Makes `target` from `source` with `command` when it is missing or older. */
export function built(target: string, source: string, command: (temporary: string) => string[]) {
  const output = resolve(ROOT, target);
  const input = resolve(ROOT, source);
  if (existsSync(output) && statSync(output).mtimeMs >= statSync(input).mtimeMs) return output;
  mkdirSync(dirname(output), { recursive: true });
  const temporary = `${output}.${process.pid}`;
  const [program, ...parameters] = command(temporary);
  execFileSync(program!, parameters, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  renameSync(temporary, output);
  return output;
}

let loaded: NativeWire | undefined;

/** The addon, compiled when it is not there yet. */
export function nativeWire(): NativeWire {
  const source = 'test/dataplane/native/wire.c';
  loaded ??= createRequire(import.meta.url)(
    built('build/test/wire.node', source, (output) => [
      'clang',
      ...['-O2', '-Wall', '-shared', '-fPIC', '-D_GNU_SOURCE', '-I/usr/include/node'],
      ...['-o', output, source],
    ]),
  ) as NativeWire;
  return loaded;
}
