/**
 * How many live connections a policy would cut: every state is judged by the candidate's tables as
 * its next packet would be. Reads the tables of states, in slices, and changes nothing.
 */
import type { Dataplane, Numbering, Sets } from '../dataplane/index.js';
import { liveFlows } from '../dataplane/index.js';
import { addressKey, type Members, type Plan, PlanEvaluator } from '../policy/index.js';

/** @param installed numbers of the installed policy: the members of its groups are those of the candidate's */
export async function countCut(
  dataplane: Dataplane,
  sets: Sets,
  plan: Plan,
  installed: Numbering,
): Promise<number> {
  const evaluator = new PlanEvaluator(plan);
  const members = membersOf(sets, installed);
  let cut = 0;
  for await (const flows of liveFlows(dataplane)) {
    for (const flow of flows) {
      const opening = { ...flow, fromUplink: false };
      if (evaluator.judge(opening, members).verdict === 'drop') cut++;
    }
  }
  return cut;
}

/** A group that the installed policy has not got begins empty. */
function membersOf(sets: Sets, installed: Numbering): Members {
  const known = new Map<string, boolean>();
  return (group, address) => {
    const bit = installed.groupBits.get(group);
    if (bit === undefined || sets.count(bit) === 0) return false;
    const key = `${bit} ${addressKey(address)}`;
    let found = known.get(key);
    if (found === undefined) {
      found = sets.has(bit, address);
      known.set(key, found);
    }
    return found;
  };
}
