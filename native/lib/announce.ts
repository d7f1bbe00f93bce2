import { checkBytes, checkNumber } from './check.js';
import { BpfError } from './error.js';
import { addon } from './native.js';

/** Bytes of one record: `ifindex` (u32), MAC, two `tpid` (u16, 0: no tag), two `vid` (u16), 2 of padding. */
export const ANNOUNCEMENT_BYTES = 20;

export interface Announced {
  readonly sent: number;
  /** Frames that a device would not take. */
  readonly failed: number;
  readonly ms: number;
}

/**
 * Sends one frame for every record, from that MAC, with those tags, out of that interface: a reverse ARP request
 * about itself to everybody, by which switches learn where the MAC is. From a thread of its own, `perSecond` of
 * them at most, past queueing disciplines. Records are packed, in the byte order of this machine.
 */
export function announce(
  records: Uint8Array,
  count: number,
  perSecond: number,
): Promise<Announced> {
  checkBytes(records, 'records');
  checkNumber(count, 'count');
  checkNumber(perSecond, 'perSecond', 1);
  if (records.length < count * ANNOUNCEMENT_BYTES) throw new BpfError('fewer records than counted');
  return addon().announce(records, count, perSecond);
}
