/** Records of one size that stand one after the other, handled by the batch and not one by one. */
import { checkBytes, checkNumber } from './check.js';
import { BpfError } from './error.js';
import { addon } from './native.js';

const LARGEST = 1 << 16;
/** Bytes of a number. */
const NUMBER = 4;

/**
 * The big-endian 32-bit numbers at `offset` of the records whose bit in `seen` is not set yet, each
 * once; sets them. Numbers that `seen` has no bit for are passed over.
 * @throws {BpfError} EUSAGE when `bytes` are no whole number of records, or the number leaves them
 */
export function newNumbers(
  bytes: Uint8Array,
  size: number,
  offset: number,
  seen: Uint8Array,
): number[] {
  checkBytes(bytes, 'bytes');
  checkNumber(size, 'size', NUMBER, LARGEST);
  checkNumber(offset, 'offset', 0, size - NUMBER);
  checkBytes(seen, 'seen');
  if (bytes.byteLength % size !== 0) {
    throw new BpfError(`bytes: ${bytes.byteLength} are no whole number of records of ${size}`);
  }
  return addon().newNumbers(bytes, size, offset, seen);
}

/**
 * sha256 of pieces of `bytes` that stand one after the other: 32 bytes for each. `ends` says where each ends.
 * @throws {BpfError} EUSAGE when an end is before the one before it, or past the bytes
 */
export function digestEach(bytes: Uint8Array, ends: Uint32Array): Buffer {
  checkBytes(bytes, 'bytes');
  if (!(ends instanceof Uint32Array)) throw new BpfError('ends: expected a Uint32Array');
  let before = 0;
  for (const end of ends) {
    if (end < before || end > bytes.byteLength) throw new BpfError(`ends: ${end} is out of place`);
    before = end;
  }
  return addon().digestEach(bytes, ends);
}
