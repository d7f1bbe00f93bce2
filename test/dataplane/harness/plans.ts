/** Plans of policy texts, each compiled once. */
import { compile, type Plan, parsePolicy } from '../../../src/control/policy/index.js';

const plans = new Map<string, Plan>();

/** The plan of a policy text. */
export function planOf(text: string): Plan {
  let plan = plans.get(text);
  if (plan === undefined) {
    plan = compile(parsePolicy(text, 'test.yaml'));
    plans.set(text, plan);
  }
  return plan;
}
