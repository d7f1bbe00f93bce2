/** The connection matrix as a table: who may open what towards whom, in the policy's own words. */
import type { Plan, Rule } from '../policy/index.js';
import type { MatrixCell } from '../service.js';

const ARROW = ' -> ';

function ends(rule: Rule): [from: string, to: string] | null {
  if (rule.direction === 'in') return [rule.peers, rule.host];
  if (rule.direction === 'out') return [rule.host, rule.peers];
  if (rule.direction === 'deny') return null;
  const [from = '', to = ''] = rule.peers.split(ARROW);
  return [from, to];
}

/** One cell for each pair that some line names, in the order of the file. Deny lines are not cells. */
export function matrixCells(plan: Plan): MatrixCell[] {
  const cells = new Map<string, MatrixCell>();
  for (const rule of plan.rules) {
    const pair = ends(rule);
    if (pair === null) continue;
    const [from, to] = pair;
    const key = JSON.stringify(pair);
    const cell = cells.get(key) ?? { from, to, services: [] };
    if (!cell.services.includes(rule.service)) cell.services.push(rule.service);
    cells.set(key, cell);
  }
  return [...cells.values()];
}
