/** A verdict and why, for people. */
import type { ExplainQuery, ExplainResult } from '../../control/service.js';
import type { Paint } from './paint.js';
import { table, visible } from './table.js';
import { endpoint, hasPorts, rulePlace, ruleText, vlanText } from './words.js';

const RULES = ['deny', 'out', 'in', 'transit'] as const;

/** Lines of an explanation. */
export function formatExplain(
  query: ExplainQuery,
  explained: ExplainResult,
  paint: Paint,
): string[] {
  const { verdict, reason, explanation, limit, rules, state } = explained;
  const vlan = explained.vlan.length > 0 ? ` in VLAN ${vlanText(explained.vlan)}` : '';
  const word = paint('strong', paint(verdict === 'accept' ? 'good' : 'bad', verdict));
  const lines = [visible(`${word}  ${packet(query)}, entering by ${explained.port}${vlan}`)];
  if (verdict === 'drop') lines.push(visible(`reason: ${reason}: ${explanation}`));
  if (limit !== '') lines.push(visible(`limit: ${limit}`));
  const rows = RULES.flatMap((part) => {
    const rule = rules[part];
    return rule === null ? [] : [[part, ruleText(rule), rulePlace(rule), rule.id]];
  });
  if (rows.length > 0) {
    const columns = ['RULE', 'LINE OF THE POLICY', 'WHERE', 'ID'].map((title) => ({ title }));
    lines.push(...table(columns, rows, paint));
  } else {
    lines.push('rules: none matches');
  }
  lines.push(state === null ? 'state: none' : visible(`state: ${state.phase}`));
  return lines;
}

function packet(query: ExplainQuery): string {
  const { protocol, source, destination } = query;
  if (hasPorts(protocol)) {
    const from = endpoint(source, query.sourcePort);
    return `${protocol} ${from} -> ${endpoint(destination, query.destinationPort)}`;
  }
  const type = protocol.startsWith('icmp') ? ` type ${query.icmpType}` : '';
  return `${protocol} ${source} -> ${destination}${type}`;
}
