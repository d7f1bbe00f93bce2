/** Rates as the policy writes them: so many new connections in a second, a minute or an hour. */

import { type DurationUnit, UNIT_SECONDS } from '../duration.js';
import type { Node } from './document/nodes.js';
import { quote } from './errors.js';
import type { Entry, Reader } from './reader.js';

/** `count` in `seconds`; all of them may come at once, after as long a silence. */
export interface Rate {
  readonly count: number;
  readonly seconds: number;
}

const RATE = /^([1-9][0-9]{0,6})\/(s|m|h)$/;
const MOST = 1_000_000;
const HINT = `write it as 100/s, 30/m or 500/h, with ${MOST} at most`;

/** The rate of a text that was read as one; null for ''. */
export function rateOf(text: string): Rate | null {
  const match = RATE.exec(text);
  return match && { count: Number(match[1]), seconds: UNIT_SECONDS[match[2] as DurationUnit] };
}

/** Reads a rate; what is returned is its text. */
export function readRate(reader: Reader, entry: Entry): string {
  const text = reader.text(entry.value, entry.keyNode, `\`${entry.key}\``, HINT);
  const where: Node = entry.value ?? entry.keyNode;
  const rate = rateOf(text);
  if (rate === null || rate.count > MOST) {
    reader.fail('wrong-type', where, `${quote(text)} is no rate`, HINT);
  }
  return text;
}
