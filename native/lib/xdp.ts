import { checkNumber } from './check.js';
import type { XdpMode } from './info.js';
import { addon } from './native.js';

/** What XDP runs on an interface of the process's network namespace; programId 0 with mode none. */
export function queryXdp(ifindex: number): { programId: number; mode: XdpMode | 'none' } {
  checkNumber(ifindex, 'ifindex', 1, 0x7fffffff);
  return addon().queryXdp(ifindex);
}
