/** Events, for people. */
import type { NodeEvent } from '../../control/events.js';
import type { Paint } from './paint.js';
import { visible } from './table.js';

/** `TIME applied generation=5 user=alice ...`; words with spaces are quoted. */
export function eventLine({ ts, event, ...fields }: NodeEvent, paint: Paint): string {
  const words = Object.entries(fields)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${word(String(value))}`);
  return visible([paint('dim', ts), paint('strong', event), ...words].join(' '));
}

function word(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
