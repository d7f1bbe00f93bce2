import { isUint8Array } from 'node:util/types';
import { BpfError } from './error.js';

/** Refuses what is no Uint8Array (a Buffer is one) or has not `size` bytes. */
export function checkBytes(
  value: unknown,
  what: string,
  size?: number,
): asserts value is Uint8Array {
  if (!isUint8Array(value)) throw new BpfError(`${what}: expected a Uint8Array`);
  if (size !== undefined && value.byteLength !== size) {
    throw new BpfError(`${what} of ${value.byteLength} bytes, expected ${size}`);
  }
}

/** Refuses what is no whole number from `least` to `most`; without bounds, 32 bits. */
export function checkNumber(
  value: unknown,
  what: string,
  least = 0,
  most = 0xffffffff,
): asserts value is number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most)
    return;
  throw new BpfError(
    `${what}: expected a whole number from ${least} to ${most}, got ${shown(value)}`,
  );
}

/** Refuses what is no object to take options from. */
export function checkOptions(value: unknown, what: string): asserts value is object {
  if (typeof value !== 'object' || value === null) {
    throw new BpfError(`${what}: expected an object, got ${shown(value)}`);
  }
}

/** Refuses what is no string, is empty, or holds a NUL that the kernel would end it at. */
export function checkText(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return;
  throw new BpfError(`${what}: expected a name`);
}

/** A wrong value, short enough for a message; never runs code of the value's own. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, 64));
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'undefined':
      return String(value);
    default:
      return value === null ? 'null' : `a ${typeof value}`;
  }
}
