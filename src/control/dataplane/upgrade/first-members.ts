/**
 * Members of dynamic groups as the first version kept them: a hash with one element for each member
 * of each group, and its time in it. Another design, not another layout: so they are added anew.
 */
import { type BpfMap, codec, type Types } from '../../../../native/lib/index.js';
import type * as layouts from '../../../generated/layouts.js';
import { BATCH, changeBatch } from '../member-batch.js';
import type { Dataplane } from '../object.js';
import { Sets } from '../sets.js';

const ADDRESS = 16;
const NO_LIMIT = 0xffffffff;

/** Returns how many found no room. The new table must be empty. */
export async function carryFirstMembers(
  from: BpfMap,
  types: Types,
  dataplane: Dataplane,
): Promise<number> {
  const keys = codec<{ group: number; address: layouts.Address }>(types, 'member_key');
  const values = codec<{ expires: bigint }>(types, 'member');
  const batches = new Map<string, { bit: number; until: bigint; addresses: Uint8Array[] }>();
  let count = 0;
  for (const slice of from.entries()) {
    for (let i = 0; i < slice.count; i++) {
      const { group: bit, address } = keys.decode(slice.keys, i * keys.size);
      const { expires: until } = values.decode(slice.values, i * values.size);
      const name = `${bit} ${until}`;
      const batch = batches.get(name) ?? { bit, until, addresses: [] };
      batch.addresses.push(address.byte);
      batches.set(name, batch);
      count++;
    }
  }
  // One whose time is told by an element of its own takes two.
  await withRoom(dataplane, 2 * count);
  let lost = 0;
  for (const { bit, until, addresses } of batches.values()) {
    for (let at = 0; at < addresses.length; at += BATCH) {
      const some = addresses.slice(at, at + BATCH);
      const packed = { width: ADDRESS, bytes: Buffer.concat(some) } as const;
      const rules = { bit, until, max: NO_LIMIT, allowScreened: true, slot: 0 };
      lost += some.length - changeBatch(dataplane, 'add', packed, rules).done;
    }
  }
  return lost;
}

async function withRoom(dataplane: Dataplane, room: number): Promise<void> {
  const sets = Sets.open(dataplane);
  try {
    await sets.fit(room);
  } finally {
    sets.close();
  }
}
