/** Records of one size that stand one after the other, handled by the batch and not one by one. */
import { checkBytes, checkNumber } from './check.js';
import { BpfError } from './error.js';
import { addon } from './native.js';

/** A field of a record, in bytes. */
export interface RecordField {
  readonly offset: number;
  readonly length: number;
}

/**
 * Moves together, in place, the records of which `field` is not all zero.
 * @returns a view of those, which shares the memory of `bytes`
 * @throws {BpfError} EUSAGE when `bytes` are no whole number of records, or the field leaves them
 */
export function dropBlank(bytes: Buffer, size: number, field: RecordField): Buffer {
  checkRecords(bytes, size, field);
  return bytes.subarray(0, addon().dropBlank(bytes, size, field.offset, field.length));
}

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
  checkRecords(bytes, size, { offset, length: 4 });
  checkBytes(seen, 'seen');
  return addon().newNumbers(bytes, size, offset, seen);
}

const LARGEST = 1 << 16;

function checkRecords(bytes: Uint8Array, size: number, { offset, length }: RecordField): void {
  checkBytes(bytes, 'bytes');
  checkNumber(size, 'size', 1, LARGEST);
  checkNumber(offset, 'offset', 0, size - 1);
  checkNumber(length, 'length', 1, size - offset);
  if (bytes.byteLength % size === 0) return;
  throw new BpfError(`bytes: ${bytes.byteLength} are no whole number of records of ${size}`);
}
