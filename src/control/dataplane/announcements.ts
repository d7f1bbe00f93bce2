/** Where MACs are, told to switches: records for `announce` of libbpf-ts. */
import { ANNOUNCEMENT_BYTES } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index } from './object.js';
import type { NumberedPort } from './ports.js';

const { TagBits } = layouts;
/** What one `entries` call brings. */
const SLICE = 4096;

/**
 * Bytes of one address between nodes, `struct taught`: MAC, two tags as in the table of learned MACs (network order,
 * 0: none), side (enum side), and one that is zero.
 */
export const ADDRESS_BYTES = layouts.taught.size;

type Side = NumberedPort['side'];
type Take = (bytes: Uint8Array, at: number, tags: readonly [number, number], side: Side) => void;

/**
 * Packs one record for every MAC and every port of the other side: from there it is behind this node now.
 * `others` first, packed as `packAddresses` does, then those that the packet path learned and has not forgotten.
 */
export function announcements(
  dataplane: Pick<Dataplane, 'map' | 'clock'>,
  ports: readonly NumberedPort[],
  others: Uint8Array = new Uint8Array(),
): { records: Buffer; count: number } {
  const packer = new Packer(ports);
  const take: Take = (...address) => packer.add(...address);
  eachPacked(others, take);
  eachLearned(dataplane, ports, take);
  return packer.finish();
}

/** The same for packed addresses alone, no more than so many records of them. */
export function announcementsOf(
  ports: readonly NumberedPort[],
  addresses: Uint8Array,
  most: number,
): { records: Buffer; count: number } {
  const packer = new Packer(ports);
  // Each makes one record at least where it makes any.
  eachPacked(addresses.subarray(0, most * ADDRESS_BYTES), (...address) => packer.add(...address));
  const { records, count } = packer.finish();
  return { records, count: Math.min(count, most) };
}

/** What the packet path learned and has not forgotten, for another node. */
export function packAddresses(
  dataplane: Pick<Dataplane, 'map' | 'clock'>,
  ports: readonly NumberedPort[],
): Buffer {
  let packed = Buffer.alloc(SLICE * ADDRESS_BYTES);
  let length = 0;
  eachLearned(dataplane, ports, (bytes, at, tags, side) => {
    if (length === packed.length) packed = Buffer.concat([packed, Buffer.alloc(packed.length)]);
    packed.set(bytes.subarray(at, at + 6), length);
    packed.writeUInt16BE(tags[0], length + 6);
    packed.writeUInt16BE(tags[1], length + 8);
    packed[length + 10] = side === 'inside' ? layouts.Side.INSIDE : layouts.Side.UPLINK;
    length += ADDRESS_BYTES;
  });
  return packed.subarray(0, length);
}

function eachPacked(addresses: Uint8Array, take: Take): void {
  const view = Buffer.from(addresses.buffer, addresses.byteOffset, addresses.byteLength);
  for (let at = 0; at + ADDRESS_BYTES <= view.length; at += ADDRESS_BYTES) {
    const tags = [view.readUInt16BE(at + 6), view.readUInt16BE(at + 8)] as const;
    take(view, at, tags, view[at + 10] === layouts.Side.INSIDE ? 'inside' : 'uplink');
  }
}

function eachLearned(
  dataplane: Pick<Dataplane, 'map' | 'clock'>,
  ports: readonly NumberedPort[],
  take: Take,
): void {
  const sides = new Map(ports.map(({ number, side }) => [number, side]));
  const oldest = dataplane.clock.now() - agesAfter(dataplane);
  const { fdbKey, fdbEntry } = layouts;
  for (const { keys, values, count } of dataplane.map('fdb').entries(SLICE)) {
    for (let i = 0; i < count; i++) {
      const at = i * fdbKey.size;
      const seen = values.readBigUInt64LE(i * fdbEntry.size + fdbEntry.offsets.seen);
      const port = values.readUInt32LE(i * fdbEntry.size + fdbEntry.offsets.port);
      const side = sides.get(port);
      if (side === undefined || seen < oldest) continue;
      const tag = at + fdbKey.offsets.tag;
      take(keys, at, [keys.readUInt16LE(tag), keys.readUInt16LE(tag + 2)], side);
    }
  }
}

function agesAfter(dataplane: Pick<Dataplane, 'map'>): bigint {
  return dataplane.map('timeouts').lookup(index(layouts.Timeout.FDB))!.readBigUInt64LE(0);
}

class Packer {
  readonly #out: Readonly<Record<'uplink' | 'inside', readonly number[]>>;
  readonly #seen = new Set<string>();
  #records = Buffer.alloc(SLICE * ANNOUNCEMENT_BYTES);
  #count = 0;

  constructor(ports: readonly NumberedPort[]) {
    const of = (side: NumberedPort['side']) =>
      ports.filter((port) => port.side === side && port.ifindex !== 0).map((port) => port.ifindex);
    this.#out = { uplink: of('inside'), inside: of('uplink') };
  }

  add(bytes: Uint8Array, at: number, tags: readonly [number, number], side: 'uplink' | 'inside') {
    const mac = Buffer.from(bytes.buffer, bytes.byteOffset + at, 6);
    const name = `${mac.toString('latin1')}${tags[0]} ${tags[1]}`;
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    for (const ifindex of this.#out[side]) this.#put(ifindex, mac, tags);
  }

  finish(): { records: Buffer; count: number } {
    return { records: this.#records, count: this.#count };
  }

  #put(ifindex: number, mac: Uint8Array, tags: readonly [number, number]): void {
    const at = this.#count * ANNOUNCEMENT_BYTES;
    if (at === this.#records.length) {
      this.#records = Buffer.concat([this.#records, Buffer.alloc(this.#records.length)]);
    }
    const record = this.#records.subarray(at, at + ANNOUNCEMENT_BYTES);
    record.writeUInt32LE(ifindex, 0);
    record.set(mac, 4);
    for (const [i, tag] of tags.entries()) {
      const tpid = tag === 0 ? 0 : (tag & TagBits.SERVICE) !== 0 ? 0x88a8 : 0x8100;
      record.writeUInt16LE(tpid, 10 + 2 * i);
      record.writeUInt16LE(tag & TagBits.VID, 14 + 2 * i);
    }
    this.#count++;
  }
}
