/** IPv4 addresses as text, many at once. */
import { checkBytes, checkNumber } from './check.js';
import { addon } from './native.js';

/**
 * Reads whole lines from there on, for as long as each is nothing but an IPv4 address as it is always written,
 * and puts the addresses into `into`, four bytes each, as many as have room. Returns how many they
 * were, and where they end.
 */
export function readAddresses(
  bytes: Uint8Array,
  from: number,
  into: Uint8Array,
): { count: number; end: number } {
  checkBytes(bytes, 'bytes');
  checkNumber(from, 'from', 0, bytes.length);
  checkBytes(into, 'into');
  return addon().readAddresses(bytes, from, into);
}
