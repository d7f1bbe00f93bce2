/**
 * The table of all members: an inner map, so that a policy with larger groups gets a larger one. Its
 * room costs 16 bytes each from the start; what a member costs comes when it does.
 */
import { BpfMap } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index } from './object.js';

const { MemberTable: Slot } = layouts;
const NO_PREALLOC = 1;
/** Room that every wall has. */
const LEAST = 4096;

/** The table as it is now. */
export class MemberTable {
  readonly #outer: BpfMap;
  #map: BpfMap;

  private constructor(outer: BpfMap, map: BpfMap) {
    this.#outer = outer;
    this.#map = map;
  }

  /** Opens the table; makes an empty one where there is none. */
  static open(dataplane: Pick<Dataplane, 'map'>): MemberTable {
    const outer = dataplane.map('members');
    // What is left of a resize that was killed.
    if (outer.lookup(index(Slot.NEXT)) !== undefined) outer.delete(index(Slot.NEXT));
    const id = outer.lookup(index(Slot.NOW));
    if (id !== undefined) return new MemberTable(outer, BpfMap.byId(id.readUInt32LE(0)));
    const map = tableOf(LEAST);
    outer.updateInner(index(Slot.NOW), map);
    return new MemberTable(outer, map);
  }

  /** The inner map, until the next resize. */
  get map(): BpfMap {
    return this.#map;
  }

  /** Elements that it can hold. */
  get room(): number {
    return this.#map.info.maxEntries;
  }

  /** Whether another size would fit `room` elements better; a smaller one must be much smaller. */
  misfits(room: number, mayShrink: boolean): boolean {
    const wanted = sizeFor(room);
    return wanted > this.room || (mayShrink && wanted < this.room / 2);
  }

  /**
   * Puts a table with room for that many in the place of this one. Nothing may change members
   * meanwhile; packets find them all the while.
   *
   * @param copy copies every element of a map into the one in the slot of the next
   * @throws BpfError when there is no memory; the table stays as it was
   */
  async resize(room: number, copy: (from: BpfMap) => Promise<void>): Promise<void> {
    const next = tableOf(sizeFor(room));
    try {
      this.#outer.updateInner(index(Slot.NEXT), next);
      await copy(this.#map);
      this.#outer.updateInner(index(Slot.NOW), next);
    } catch (error) {
      next.close();
      throw error;
    } finally {
      this.#outer.delete(index(Slot.NEXT));
    }
    this.#map.close();
    this.#map = next;
  }

  close(): void {
    this.#map.close();
  }
}

function tableOf(maxEntries: number): BpfMap {
  return BpfMap.create({
    type: 'hash',
    name: 'members_table',
    keySize: layouts.memberKey.size,
    valueSize: layouts.member.size,
    maxEntries,
    flags: NO_PREALLOC,
  });
}

/** The kernel rounds its buckets up to a power of two anyhow. */
function sizeFor(room: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(LEAST, room)));
}
