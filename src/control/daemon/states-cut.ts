/** How many live connections a policy would cut, as the packet path would judge them. */
import {
  DataplaneError,
  type Installer,
  type Numbering,
  type Prepared,
  SlotsExhaustedError,
  type StatePasses,
} from '../dataplane/index.js';
import type { Plan } from '../policy/index.js';
import { ServiceError } from '../service.js';

/**
 * Stages the plan where nothing judges by it, has the kernel judge every live state, and takes it away
 * again.
 * @param held numbers by which the members of its groups are known
 * @throws ServiceError `invalid` when the tables cannot hold it
 */
export async function countCut(
  installer: Installer,
  passes: StatePasses,
  plan: Plan,
  held: Numbering,
): Promise<number> {
  const prepared = prepare(installer, plan, 0, held);
  return await installer.withCandidate(prepared, (slot) => passes.count(slot));
}

/** {@link Installer.prepare}, with what is wrong told to who sent the policy. @throws ServiceError */
export function prepare(
  installer: Installer,
  plan: Plan,
  generation: number,
  held: Numbering,
  reserve = false,
): Prepared {
  try {
    return installer.prepare(plan, generation, held, reserve);
  } catch (error) {
    if (error instanceof SlotsExhaustedError) {
      const why = `both policies together have too many rules or groups (${error.message})`;
      throw new ServiceError('invalid', why);
    }
    if (!(error instanceof DataplaneError)) throw error;
    throw new ServiceError('invalid', error.message);
  }
}
