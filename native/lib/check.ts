import { BpfError } from './error.js';

/** Refuses what is no Uint8Array (a Buffer is one) or has not `size` bytes. */
export function checkBytes(
  value: unknown,
  what: string,
  size?: number,
): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw new BpfError(`${what}: expected a Uint8Array`);
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
    `${what}: expected a whole number from ${least} to ${most}, got ${String(value)}`,
  );
}

/** Refuses what is no string, is empty, or holds a NUL that the kernel would end it at. */
export function checkText(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return;
  throw new BpfError(`${what}: expected a name`);
}
