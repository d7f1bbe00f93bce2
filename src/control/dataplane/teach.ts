/** MACs that the other node has learned, into the table of this one while it is a standby. */
import * as layouts from '../../generated/layouts.js';
import { ADDRESS_BYTES } from './announcements.js';
import type { Dataplane } from './object.js';
import type { NumberedPort } from './ports.js';

const { ChangeSizes, TeachPorts } = layouts;
const MOST_AT_ONCE = Math.floor(ChangeSizes.IMPORT_BYTES / ADDRESS_BYTES);

/** How many were new, and how many are behind another port now. */
export interface Taught {
  readonly added: number;
  readonly moved: number;
}

/**
 * Nothing is taught to a node whose packets pass, of a side with several ports, or beyond the room that a port has.
 * @param addresses packed as `packAddresses` does
 */
export function teachAddresses(
  dataplane: Pick<Dataplane, 'map' | 'program'>,
  ports: readonly NumberedPort[],
  addresses: Uint8Array,
): Taught {
  const only = (side: NumberedPort['side']) => {
    const own = ports.filter((port) => port.side === side);
    return own.length === 1 ? own[0]!.number : TeachPorts.MANY;
  };
  const memory = dataplane.map('import_batch').mmap();
  let [added, moved] = [0, 0];
  const step = MOST_AT_ONCE * ADDRESS_BYTES;
  for (let from = 0; from + ADDRESS_BYTES <= addresses.length; from += step) {
    const some = addresses.subarray(from, from + step);
    memory.set(some);
    const ctx = layouts.teachCall.encode({
      ...{ count: Math.floor(some.length / ADDRESS_BYTES), added: 0, moved: 0, pad: 0 },
      ports: [only('uplink'), only('inside')],
    });
    const done = layouts.teachCall.decode(
      dataplane.program('teach_addresses').testRun({ ctx }).ctx,
    );
    added += done.added;
    moved += done.moved;
  }
  return { added, moved };
}
