/** What a refused connection would have gone over, in words. */
import { AllowanceOf, type Verdict } from '../../generated/layouts.js';
import { limitText, type Plan } from '../policy/index.js';
import type { RuleIndex } from './rules.js';

/** `rule smtp: 100/s`, `host www: 1000 states, 50/s`, `every source: 50/s`; '' for other verdicts. */
export function limitOf(
  { limit, ruleIn, ruleOut, ruleTransit }: Verdict,
  plan: Plan | null,
  index: RuleIndex,
): string {
  switch (limit) {
    case AllowanceOf.OUT:
      return ruleLimit(index, ruleTransit === 0 ? ruleOut : ruleTransit);
    case AllowanceOf.IN:
      return ruleLimit(index, ruleIn);
    case AllowanceOf.HOST: {
      const host = plan?.hosts.find(({ name }) => name === index.rule(ruleIn)?.host);
      return host === undefined ? '' : `host ${host.name}: ${limitText(host.limit)}`;
    }
    case AllowanceOf.SOURCE:
      return plan === null ? '' : `every source: ${limitText(plan.sourceLimit)}`;
    default:
      return '';
  }
}

function ruleLimit(index: RuleIndex, slot: number): string {
  const rule = index.rule(slot);
  return rule === undefined ? '' : `rule ${rule.id}: ${rule.rate}`;
}
