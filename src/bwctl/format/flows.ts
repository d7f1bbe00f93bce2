/** Connections and logged frames, for people. */
import type { LogRecord, StateEntry } from '../../control/service.js';
import type { Paint } from './paint.js';
import { type Column, visible } from './table.js';
import { duration, endpoint, hasPorts, rulePlace, ruleText, vlanText } from './words.js';

/** The columns of `stateRow`. */
export const STATE_COLUMNS: readonly Column[] = [
  { title: 'PROTO' },
  { title: 'SOURCE' },
  { title: 'DESTINATION' },
  { title: 'VLAN' },
  { title: 'PHASE' },
  { title: 'AGE', align: 'right' },
  { title: 'IDLE', align: 'right' },
  { title: 'EXPIRES', align: 'right' },
  { title: 'PACKETS', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'RULES' },
];

/** One row of `STATE_COLUMNS`. */
export function stateRow(state: StateEntry): string[] {
  const { proto, src, sport, dst, dport, rules, sent, received } = state;
  const ported = hasPorts(proto);
  const by = [rules.out, rules.in, rules.transit].filter((id) => id !== null);
  return [
    proto,
    endpoint(src, ported ? sport : null),
    endpoint(dst, ported ? dport : null),
    vlanText(state.vlan),
    state.pickedUp ? `${state.phase} (picked up)` : state.phase,
    duration(state.age),
    duration(state.idle),
    duration(state.timeout),
    sent && received ? `${sent.packets}/${received.packets}` : '-',
    sent && received ? `${sent.bytes}/${received.bytes}` : '-',
    by.length === 0 ? '-' : by.join(' '),
  ];
}

/** The line of a logged frame. */
export function recordLine(record: LogRecord, paint: Paint): string {
  const { ts, verdict, reason, explanation, proto, src, dst, icmpType, port, vlan, rule } = record;
  const ported = hasPorts(proto);
  const from = endpoint(src, ported ? record.sport : null);
  const to = endpoint(dst, ported ? record.dport : null);
  const parts = [
    paint('dim', ts),
    verdict === 'drop' ? paint('bad', `drop ${reason}`) : paint('good', 'accept'),
    flow(proto, from, to, record),
  ];
  if (icmpType !== null) parts.push(`type ${icmpType}`);
  parts.push(`by ${port}`);
  if (vlan.length > 0) parts.push(`vlan ${vlanText(vlan)}`);
  if (rule !== null) parts.push(`[${ruleText(rule)}, ${rulePlace(rule)}]`);
  else if (verdict === 'drop') parts.push(paint('dim', `(${explanation})`));
  return visible(parts.join(' '));
}

/** Frames without addresses of their own are told by their MAC addresses. */
function flow(proto: string, from: string, to: string, record: LogRecord): string {
  if (record.src === '') return `${proto} ${record.srcMac} -> ${record.dstMac}`.trimStart();
  return `${proto} ${from} -> ${to}`;
}
