import type { Bytes } from './bytes.js';
import type { Segment } from './tcp-conversation.js';

const END = 0;
const NOP = 1;
const SCALE = 3;
const SACK_PERMITTED = 4;
const SACK = 5;
/** RFC 7323 2.3. */
const GREATEST_SCALE = 14;

/** What TCP options say about windows; a list that is cut short counts as far as it goes. */
export function readOptions(list: Bytes): Pick<Segment, 'scale' | 'sackPermitted' | 'sackEdges'> {
  let scale: number | null = null;
  let sackPermitted = false;
  const sackEdges: number[] = [];
  for (let rest = list; rest.length > 0 && rest.byte(0) !== END; ) {
    if (rest.byte(0) === NOP) {
      rest = rest.after(1);
      continue;
    }
    const size = rest.length < 2 ? 0 : rest.byte(1);
    if (size < 2 || size > rest.length) break;
    const kind = rest.byte(0);
    if (kind === SCALE && size === 3) scale = Math.min(rest.byte(2), GREATEST_SCALE);
    if (kind === SACK_PERMITTED && size === 2) sackPermitted = true;
    if (kind === SACK && size % 8 === 2) {
      for (let at = 6; at < size; at += 8) sackEdges.push(rest.long(at));
    }
    rest = rest.after(size);
  }
  return { scale, sackPermitted, sackEdges };
}
