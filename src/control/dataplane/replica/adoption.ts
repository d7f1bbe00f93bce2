/** Connections that were another node's: how they go on here, and when they began. */
import * as layouts from '../../../generated/layouts.js';
import { type Cell, EPOCH_STEP } from '../cell.js';
import { type Dataplane, index } from '../object.js';

type Kernel = Pick<Dataplane, 'map' | 'clock'>;

/**
 * This node is about to take over: every connection is judged again at its next packet, and learns its
 * windows.
 * @param knownUntil jiffies: of who was silent since, all has been told
 */
export function adoptAll(dataplane: Kernel, cell: Cell, knownUntil: bigint): void {
  const since = (cell.read().epoch + EPOCH_STEP) >>> 0;
  const value = layouts.adoption.encode({ since, pad: 0, knownUntil });
  dataplane.map('adoption').update(index(0), value);
  cell.rejudge();
}

/** When the clock of an epoch began, by the clock of this node. */
export interface Birthday {
  readonly epoch: number;
  /** Jiffies to add to times of that epoch. */
  readonly offset: bigint;
}

/** Of the last epochs, as far as anything is known of them. */
export function birthdays(dataplane: Pick<Dataplane, 'map'>): Birthday[] {
  const map = dataplane.map('birthdays');
  return Array.from({ length: map.info.maxEntries }, (_, i) => {
    const { epoch, offset } = layouts.birthday.decode(map.lookup(index(i))!);
    return { epoch: Number(epoch), offset };
  }).filter(({ epoch }) => epoch !== 0);
}

export function noteBirthday(dataplane: Pick<Dataplane, 'map'>, { epoch, offset }: Birthday): void {
  const map = dataplane.map('birthdays');
  const slot = epoch & (map.info.maxEntries - 1);
  map.update(index(slot), layouts.birthday.encode({ epoch: BigInt(epoch & 0xffff), offset }));
}
