import { checkNumber, checkOptions, shown } from './check.js';
import { BpfError } from './error.js';
import { addon } from './native.js';

/** Which side of an interface a tc filter sees. */
export type TcDirection = 'ingress' | 'egress';

/** One tc filter: handle and priority name it on its hook. */
export interface TcPlace {
  readonly ifindex: number;
  readonly direction: TcDirection;
  readonly handle: number;
  readonly priority: number;
}

/** @internal Refuses an impossible place; returns whether it is egress. */
export function checkTcPlace(o: TcPlace): boolean {
  checkOptions(o, 'tc');
  checkNumber(o.ifindex, 'ifindex', 1, 0x7fffffff);
  checkNumber(o.handle, 'handle', 1);
  checkNumber(o.priority, 'priority', 1, 0xffff);
  if (o.direction !== 'ingress' && o.direction !== 'egress') {
    throw new BpfError(`direction: expected ingress or egress, got ${shown(o.direction)}`);
  }
  return o.direction === 'egress';
}

/** Removes a tc filter; false when there was none. The clsact qdisc stays. */
export function detachTc(o: TcPlace): boolean {
  const egress = checkTcPlace(o);
  return addon().detachTc(o.ifindex, egress, o.handle, o.priority);
}

/** The program of a tc filter; undefined when there is no such filter. */
export function queryTc(o: TcPlace): { programId: number } | undefined {
  const egress = checkTcPlace(o);
  const programId = addon().queryTc(o.ifindex, egress, o.handle, o.priority);
  return programId === undefined ? undefined : { programId };
}
