/** What a node does within a second of a switch of policy, where that limits what somebody holds. */
import { isLimit, type Plan } from '../../../src/control/policy/index.js';
import { pass, recount, sweep } from './states.js';
import type { TestWall } from './wall.js';

export function isLimited({ hosts, sourceLimit }: Plan): boolean {
  return isLimit(sourceLimit) || hosts.some(({ limit }) => isLimit(limit));
}

/** Sweeps, judges and counts all states, so that it is known who holds what under the new limits. */
export function countAnew(wall: TestWall): void {
  sweep(wall, ['established']);
  wall.rejudge();
  pass(wall, 'cut');
  recount(wall);
  recount(wall);
  wall.rejudge();
}
