import type { LoadedTypes } from './btf.js';
import { checkBytes, checkNumber, checkOptions, checkText, shown } from './check.js';
import { Conversion } from './conversion.js';
import { BpfError } from './error.js';
import type { MapInfo } from './info.js';
import { type MapTypeName, mapType } from './map-types.js';
import { addon, type NativeMap, type NativeSlice } from './native.js';
import { adoptPin } from './pin.js';

/** Whether an update may make a new element: always, only, or never. */
export type UpdateFlag = 'any' | 'noexist' | 'exist';

/** What {@link BpfMap.create} makes. */
export interface MapOptions {
  readonly type: MapTypeName;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  /** Of a ring buffer: its size in bytes, a power of two and a multiple of the page size. */
  readonly maxEntries: number;
  /** BPF_F_* bits, see {@link MapFlags}. */
  readonly flags?: number;
  /** Of a map of maps: one like those that it will hold. */
  readonly inner?: BpfMap;
}

/** Elements of a map, packed: `count` keys and `count` values, one after the other. */
export interface MapSlice {
  readonly keys: Buffer;
  readonly values: Buffer;
  readonly count: number;
}

/** How {@link BpfMap.carry} treats the elements. */
export interface CarryOptions {
  /** Of keys; by default they stay as they are. */
  readonly key?: Conversion;
  readonly value: Conversion;
  /**
   * What becomes of a key that the target has: `replace`, `keep`, `newer` (replaced when the 64-bit
   * number at `newer` of the converted value is larger), `add` (integers are added as the
   * conversion says; all-zero sources are passed over). `tell` changes nothing and tells what
   * `newer` would replace.
   */
  readonly present: 'replace' | 'keep' | 'newer' | 'add' | 'tell';
  readonly newer?: number;
  /** Of arrays: the new index by the old one, {@link NOWHERE} for those that stay behind. */
  readonly index?: Uint32Array;
  /** With `add`: zeroes what was added, so that it is not added again. */
  readonly take?: boolean;
}

/** Elements by what became of them; `error` is the last reason why one failed, or ''. */
export interface Carried {
  readonly read: number;
  readonly written: number;
  readonly kept: number;
  readonly failed: number;
  readonly error: string;
  /** With `tell`: those that `written` counts, converted and packed. */
  readonly keys: Buffer;
  readonly values: Buffer;
}

/** A number for all elements of a map, whatever their order. */
export interface Digest {
  readonly count: number;
  readonly sum: bigint;
}

/** No index: see {@link CarryOptions.index}. */
export const NOWHERE = 0xffffffff;

const PRESENT = { replace: 0, keep: 1, newer: 2, add: 3, tell: 4 } as const;
const FLAGS: Record<UpdateFlag, number> = { any: 0, noexist: 1, exist: 2 };
const DEFAULT_BATCH = 1024;
const LARGEST_BATCH = 1 << 22;
const WORD = 0xffffffffffffffffn;

/**
 * One BPF map. Keys and values are bytes; see codec() for structs. Values of per-CPU maps are those
 * of all possible CPUs one after the other, each rounded up to 8 bytes.
 *
 * Every method throws {@link BpfError}: ECLOSED after close(), EUSAGE for sizes that do not fit,
 * else what the kernel answered.
 */
export class BpfMap implements Disposable {
  readonly info: MapInfo;
  readonly #native: NativeMap;
  readonly #storedSize: number;
  #memory: Uint8Array | undefined;
  #closed = false;

  /**
   * Owns the descriptor. Maps come from {@link BpfMap.create}, {@link BpfMap.adopt} and
   * BpfObject.map().
   */
  private constructor(fd: number) {
    this.#native = new (addon().NativeMap)(fd);
    this.info = Object.freeze(this.#native.info());
    const { perCpu } = mapType(this.info.type);
    const { valueSize } = this.info;
    this.#storedSize = perCpu ? Math.ceil(valueSize / 8) * 8 * addon().cpuCount() : valueSize;
  }

  /** @internal Makes a handle of a descriptor, which it then owns. */
  static own(fd: number): BpfMap {
    return new BpfMap(fd);
  }

  /** Makes a new, empty map that lives as long as a handle, a pin or a program holds it. */
  static create(o: MapOptions): BpfMap {
    checkOptions(o, 'create');
    checkText(o.name, 'name');
    const type = mapType(o.type);
    checkNumber(o.keySize, 'keySize');
    checkNumber(o.valueSize, 'valueSize');
    checkNumber(o.maxEntries, 'maxEntries');
    checkNumber(o.flags ?? 0, 'flags');
    if (type.ofMaps && o.inner === undefined) throw new BpfError(`${o.type}: inner is missing`);
    const inner = o.inner === undefined ? -1 : descriptorOf(o.inner);
    return new BpfMap(
      addon().createMap(
        type.number,
        o.name,
        o.keySize,
        o.valueSize,
        o.maxEntries,
        o.flags ?? 0,
        inner,
      ),
    );
  }

  /** Opens the map that is pinned there. */
  static adopt(pinPath: string): BpfMap {
    return new BpfMap(adoptPin(pinPath, 'map'));
  }

  /** Opens a map that lives, by its id, as {@link BpfMap.lookup} of a map of maps gives it. */
  static byId(id: number): BpfMap {
    checkNumber(id, 'id');
    return new BpfMap(addon().openMap(id));
  }

  /** The descriptor, for as long as the map is open; it stays the map's own. */
  get fd(): number {
    return this.#native.descriptor();
  }

  /** Whether close() was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The types that the map was made with; undefined: it was made by sizes. */
  types(): LoadedTypes | undefined {
    return this.#native.types();
  }

  /**
   * Carries every element into another map, whose layout may differ; programs may go on using
   * either. Elements that come or go meanwhile may be missed.
   */
  carry(target: BpfMap, o: CarryOptions): Carried {
    checkOptions(o, 'carry');
    if (!(target instanceof BpfMap)) throw new BpfError('expected a BpfMap');
    const { key = Conversion.same(this.info.keySize), value, newer = 0, index, take = false } = o;
    if (!(key instanceof Conversion) || !(value instanceof Conversion)) {
      throw new BpfError('expected a Conversion');
    }
    if (!Object.hasOwn(PRESENT, o.present)) throw new BpfError(`present: ${shown(o.present)}`);
    checkNumber(newer, 'newer');
    const sizes = [target.fd, target.info.valueSize, target.#storedSize] as const;
    const rules = [PRESENT[o.present], newer, index ?? null, Boolean(take)] as const;
    return this.#native.carry(...sizes, key.words, value.words, ...rules);
  }

  /** Of what the map holds now. */
  digest(): Digest {
    return this.#native.digest();
  }

  /** The digest that a map with these `count` elements would have. */
  static digestOf(keys: Uint8Array, values: Uint8Array, count: number): Digest {
    checkBytes(keys, 'keys');
    checkBytes(values, 'values');
    checkNumber(count, 'count');
    if (count > 0 && (keys.length % count !== 0 || values.length % count !== 0)) {
      throw new BpfError('keys or values are no whole number of elements');
    }
    return addon().digestOf(keys, values, count);
  }

  /**
   * The value of a key; undefined when there is none. A map of maps gives the id of the inner map.
   */
  lookup(key: Uint8Array): Buffer | undefined {
    checkBytes(key, 'key');
    return this.#native.lookup(key);
  }

  /** Sets one element: ENOENT or EEXIST when the flag forbids it, E2BIG when the map is full. */
  update(key: Uint8Array, value: Uint8Array, flags: UpdateFlag = 'any'): void {
    this.#refuseMapOfMaps();
    checkBytes(key, 'key');
    checkBytes(value, 'value');
    this.#native.update(key, value, updateFlag(flags));
  }

  /**
   * Puts a map into a map of maps; it must be like the one that was given when the outer was made.
   */
  updateInner(key: Uint8Array, inner: BpfMap): void {
    if (!mapType(this.info.type).ofMaps) throw new BpfError(`map ${this.info.name} holds no maps`);
    checkBytes(key, 'key');
    const value = Buffer.alloc(4);
    value.writeUInt32LE(descriptorOf(inner));
    this.#native.update(key, value, 0);
  }

  /**
   * Deletes one element; false when it was not there. Elements of arrays cannot be deleted: EINVAL.
   */
  delete(key: Uint8Array): boolean {
    checkBytes(key, 'key');
    return this.#native.delete(key);
  }

  /**
   * Sets `count` elements in one call. When one fails, those before it are set and those after it
   * are not; the error's `done` says how many were.
   */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number): void {
    this.#refuseMapOfMaps();
    checkNumber(count, 'count');
    checkBytes(keys, 'keys');
    checkBytes(values, 'values');
    const failed = this.#native.updateBatch(keys, values, count);
    if (failed === null) return;
    const where = `update of map ${this.info.name} stopped after ${failed.done} of ${count}`;
    throw new BpfError(`${where}: ${failed.text}`, failed.code, failed.errno, '', failed.done);
  }

  /** Deletes `count` keys, going on past those that are missing; returns how many were there. */
  deleteBatch(keys: Uint8Array, count: number): number {
    checkNumber(count, 'count');
    checkBytes(keys, 'keys');
    return this.#native.deleteBatch(keys, count);
  }

  /**
   * Walks the map in slices of about `batch` elements. Elements that come or go meanwhile may be
   * missed or seen, those that stay are seen once; where the kernel has no batches for this kind of
   * map, a deletion during the walk may make it begin again.
   */
  *entries(batch = DEFAULT_BATCH): Generator<MapSlice> {
    checkNumber(batch, 'batch', 1, LARGEST_BATCH);
    let room = Math.min(batch, Math.max(this.info.maxEntries, 1));
    let position: Buffer | null = null;
    let oneByOne = false;
    for (;;) {
      const keys = Buffer.allocUnsafe(room * this.info.keySize);
      const values = Buffer.allocUnsafe(room * this.#storedSize);
      const slice: NativeSlice | 'larger' | 'unsupported' = oneByOne
        ? this.#native.scan(position, keys, values, room)
        : this.#native.lookupBatch(position, keys, values, room);
      if (slice === 'larger') {
        // One hash bucket holds more than there is room for: the kernel gives whole buckets.
        if (room >= LARGEST_BATCH) throw new BpfError('a bucket larger than any batch', 'ENOSPC');
        room *= 2;
        continue;
      }
      if (slice === 'unsupported') {
        oneByOne = true;
        continue;
      }
      position = slice.position;
      if (slice.count > 0)
        yield pack(keys, values, slice.count, this.info.keySize, this.#storedSize);
      if (position === null) return;
    }
  }

  /**
   * The memory of an array made with BPF_F_MMAPABLE, shared with programs: value i begins at i
   * times the value size rounded up to 8. The same view each time; after close() it has length 0.
   */
  mmap(): Uint8Array {
    this.#memory ??= new Uint8Array(this.#native.memory());
    return this.#memory;
  }

  /**
   * One atomic store into an mmapable array of 8-byte values: programs see the old or the new word.
   */
  storeWord(index: number, value: bigint): void {
    checkNumber(index, 'index');
    checkWord(value);
    this.#native.storeWord(index, value);
  }

  /** One atomic compare-and-swap; false: the word was not `expected`, and stays as it is. */
  swapWord(index: number, expected: bigint, value: bigint): boolean {
    checkNumber(index, 'index');
    checkWord(expected);
    checkWord(value);
    return this.#native.swapWord(index, expected, value);
  }

  /** One atomic load, the counterpart of {@link BpfMap.storeWord}. */
  loadWord(index: number): bigint {
    checkNumber(index, 'index');
    return this.#native.loadWord(index);
  }

  /** Gives the map a path in a bpf file system, so that it outlives the process. */
  pin(path: string): void {
    checkText(path, 'pin');
    this.#native.pin(path);
  }

  /** Removes a pin of this map; the map itself stays as long as something holds it. */
  unpin(path: string): void {
    const pinned = BpfMap.adopt(path);
    const { id } = pinned.info;
    pinned.close();
    if (id !== this.info.id) throw new BpfError(`${path} is not a pin of map ${this.info.name}`);
    addon().removePin(path);
  }

  /** Lets go of the map and of its shared memory; harmless when done before. */
  close(): void {
    this.#closed = true;
    this.#memory = undefined;
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #refuseMapOfMaps(): void {
    if (!mapType(this.info.type).ofMaps) return;
    throw new BpfError(`map ${this.info.name} holds maps: use updateInner`);
  }
}

function updateFlag(flag: UpdateFlag): number {
  if (Object.hasOwn(FLAGS, flag)) return FLAGS[flag];
  throw new BpfError(`flags: expected any, noexist or exist, got ${shown(flag)}`);
}

function checkWord(value: unknown): void {
  if (typeof value === 'bigint' && (value & WORD) === value) return;
  throw new BpfError(`value: expected a bigint of 64 bits, got ${shown(value)}`);
}

/** @internal That of a map, which anything else is not. */
export function descriptorOf(map: unknown): number {
  if (map instanceof BpfMap) return map.fd;
  throw new BpfError('expected a BpfMap');
}

function pack(
  keys: Buffer,
  values: Buffer,
  count: number,
  keySize: number,
  valueSize: number,
): MapSlice {
  return {
    keys: keys.subarray(0, count * keySize),
    values: values.subarray(0, count * valueSize),
    count,
  };
}
