/** Beginnings and ends of connections, for people. */
import type { SessionRecord, Traffic } from '../../control/service.js';
import type { Paint } from './paint.js';
import { visible } from './table.js';
import { count, duration, endpoint, hasPorts, rulePlace, ruleText, vlanText } from './words.js';

/** `12 packets 3400 bytes`. */
function trafficText({ packets, bytes }: Traffic): string {
  return `${count(packets, 'packet')} ${count(bytes, 'byte')}`;
}

/** The line of one record. */
export function sessionLine(record: SessionRecord, paint: Paint): string {
  const { ts, event, proto, src, sport, dst, dport, vlan, seconds, reason, rules } = record;
  const ported = hasPorts(proto);
  const from = endpoint(src, ported ? sport : null);
  const to = endpoint(dst, ported ? dport : null);
  const ended = event === 'session-end';
  const parts = [
    paint('dim', ts),
    ended ? paint('warn', `end ${reason}`) : paint('good', 'start'),
    `${proto} ${from} -> ${to}`,
  ];
  if (vlan.length > 0) parts.push(`vlan ${vlanText(vlan)}`);
  if (ended) {
    const { sent, received } = record;
    parts.push(`${duration(seconds)}, sent ${trafficText(sent)}, got ${trafficText(received)}`);
  }
  for (const rule of [rules.out, rules.in, rules.transit]) {
    if (rule !== null) parts.push(`[${ruleText(rule)}, ${rulePlace(rule)}]`);
  }
  return visible(parts.join(' '));
}
