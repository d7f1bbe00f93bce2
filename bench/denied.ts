/** Members of a deny set: the source of denied frames first, then any number of others. */
import { DENIED_CLIENT } from './frames.js';

const FIRST = 0x0b000000;

/** The address of that number, as a number. */
export function denied(number: number): number {
  if (number > 0) return FIRST + number;
  return Buffer.from(DENIED_CLIENT.split('.').map(Number)).readUInt32BE(0);
}

/** The same as text. */
export function deniedText(number: number): string {
  const value = denied(number);
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}
