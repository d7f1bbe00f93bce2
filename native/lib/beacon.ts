import { ANNOUNCEMENT_BYTES } from './announce.js';
import { checkBytes, checkNumber, checkOptions } from './check.js';
import { BpfError } from './error.js';
import { BpfMap } from './map.js';
import { addon, type NativeBeacon } from './native.js';

/** A place in the memory of an mmapable array: `offset` from its start. */
export interface BeaconSpot {
  readonly map: BpfMap;
  readonly offset: number;
}

/** What a beacon may say at once: its rounds wait meanwhile. */
export const MOST_MOVED = 1024;

/** Bytes of a map that are copied into every payload. */
export interface BeaconField {
  readonly from: BeaconSpot;
  /** In the payload. */
  readonly at: number;
  readonly length: number;
  /** In the other byte order. */
  readonly reverse?: boolean;
}

/** Frames that came in, by elements of the per-CPU array `counters`: those of `plus` less those of `minus`. */
export interface BeaconActivity {
  readonly plus: readonly number[];
  readonly minus: readonly number[];
  /** One byte: units of `quietUnitMs` since the last one, 255 at most. */
  readonly quiet: BeaconSpot;
}

/**
 * Where the payload goes as a datagram as well, and what must be in those that come from there. Those that come from
 * another address are refused; of those that come at once, some wait until the next payload was sent.
 */
export interface BeaconUdp {
  readonly localAddress: string;
  readonly localPort: number;
  /** Null: nobody knows it yet; `setRemote` tells. */
  readonly remoteAddress: string | null;
  readonly remotePort: number;
  /** The payload, as it is before the first sending. */
  readonly datagram: Uint8Array;
  /** Under `expectedMask`: bits that are not so refuse a datagram. */
  readonly expected: Uint8Array;
  readonly expectedMask: Uint8Array;
  /** Bits of a datagram whose change is told. */
  readonly toldMask: Uint8Array;
}

export interface BeaconOptions {
  readonly intervalMs: number;
  /** What was not heard for so long is lost. */
  readonly lostMs: number;
  readonly quietUnitMs: number;
  /** Where the payload begins in a frame. */
  readonly payloadAt: number;
  /** Length of the payload: a multiple of 8, of which the last 8 are the SipHash-2-4 tag of the others. */
  readonly payloadBytes: number;
  /** In the payload: 8 bytes, big endian: microseconds since 1970, or one more than before. */
  readonly counterAt: number;
  /** In the payload: one byte, the number of the key. */
  readonly keyAt: number;
  /** More than this is the first counter. */
  readonly counter: bigint;
  /** 8 bytes: when the thread was awake last, in nanoseconds of the monotonic clock. */
  readonly awake: BeaconSpot;
  /** One byte: bits of `heard` in their order, then that of the socket. */
  readonly hears: BeaconSpot;
  /** 8 bytes each: when something was heard there last, in the same nanoseconds. */
  readonly heard: readonly BeaconSpot[];
  readonly fields: readonly BeaconField[];
  /** Changes of these are told. */
  readonly regions: readonly (BeaconSpot & { readonly length: number })[];
  readonly counters: BpfMap;
  readonly activities: readonly BeaconActivity[];
  readonly udp: BeaconUdp | null;
}

export interface BeaconFrame {
  readonly ifindex: number;
  readonly bytes: Uint8Array;
}

/** Times are nanoseconds of the monotonic clock. */
export interface BeaconSnapshot {
  readonly now: bigint;
  /** Since when the thread has not been asleep. */
  readonly awake: bigint;
  /** When it looked last. It may be asleep now: who was not heard since has not been silent since. */
  readonly looked: bigint;
  /** By the socket; 0: never. */
  readonly heard: bigint;
  /** The last datagram that was believed; empty: none. */
  readonly said: Buffer;
  readonly counter: bigint;
  readonly rounds: number;
  /** How often the thread found that it had been asleep. */
  readonly naps: number;
  /** Frames and datagrams that could not be sent. */
  readonly failed: number;
  /** Datagrams that were not believed, or came from another address. */
  readonly refused: number;
  /** All that the last `kick` was to say has moved has been sent. */
  readonly movedLeft: boolean;
}

/**
 * Sends frames and a datagram at a fixed pace from a thread of its own, whatever JavaScript is doing, and
 * watches what is heard: by programs, in maps, and by the socket itself. Tells when something is heard again or
 * no longer, and when a region changes; several changes may be told as one.
 *
 * Keeps the process alive and is never collected: close() it. The maps may be closed while it runs.
 */
export class Beacon implements Disposable {
  readonly #native: NativeBeacon;

  /** Starts at once. What `onChange` throws is an uncaught exception. */
  constructor(o: BeaconOptions, onChange: () => void) {
    checkOptions(o, 'beacon');
    checkNumber(o.payloadBytes, 'payloadBytes', 16, 1024);
    checkNumber(o.intervalMs, 'intervalMs', 1, 60_000);
    checkNumber(o.lostMs, 'lostMs', 1, 600_000);
    if (o.payloadBytes % 8 !== 0) throw new BpfError('payloadBytes: expected a multiple of 8');
    const memories = new Memories();
    const spot = (one: BeaconSpot) => memories.spot(one);
    const numbers = (list: readonly number[]) => Uint32Array.from(list);
    const spec = {
      ...o,
      awake: numbers(spot(o.awake)),
      hears: numbers(spot(o.hears)),
      heard: numbers(o.heard.flatMap(spot)),
      fields: numbers(o.fields.flatMap((f) => field(f, o.payloadBytes, spot(f.from)))),
      regions: numbers(o.regions.flatMap((region) => [...spot(region), region.length])),
      counters: o.counters.fd,
      counterBytes: Math.ceil(o.counters.info.valueSize / 8) * 8,
      activities: o.activities.map(({ plus, minus, quiet }) => ({
        plus: numbers(plus),
        minus: numbers(minus),
        quiet: numbers(spot(quiet)),
      })),
      udp: o.udp === null ? undefined : checkUdp(o.udp, o.payloadBytes),
      memories: memories.list,
    };
    this.#native = new (addon().NativeBeacon)(spec, () => tell(onChange));
  }

  /** What is sent from the next round on. */
  setFrames(frames: readonly BeaconFrame[], payloadEnd: number): void {
    for (const { ifindex, bytes } of frames) {
      checkNumber(ifindex, 'ifindex', 1, 0x7fffffff);
      checkBytes(bytes, 'frame');
      if (bytes.length < payloadEnd) throw new BpfError('a frame shorter than its payload');
    }
    this.#native.setFrames(
      Uint32Array.from(frames.map(({ ifindex }) => ifindex)),
      frames.map(({ bytes }) => bytes),
    );
  }

  /**
   * Two keys of 16 bytes each; `usable`: bits of those that a datagram may be signed with; `sign`: the one
   * to sign with; `received`: of each key the newest counter that is known of: a datagram needs a higher one.
   */
  setKeys(keys: Uint8Array, usable: number, sign: number, received: readonly bigint[]): void {
    checkBytes(keys, 'keys', 32);
    checkNumber(usable, 'usable', 0, 3);
    checkNumber(sign, 'sign', 0, 1);
    const [first = 0n, second = 0n] = received;
    this.#native.setKeys(keys, usable, sign, BigUint64Array.of(first, second));
  }

  /** The other end of the socket has another address, of the same family. */
  setRemote(address: string, port: number): void {
    checkNumber(port, 'port', 1, 0xffff);
    this.#native.setRemote(address, port);
  }

  /** MACs that `kick` can say have moved, packed as for `announce`. It takes microseconds for each: few. */
  setMoved(records: Uint8Array, count: number): void {
    checkBytes(records, 'records');
    checkNumber(count, 'count', 0, MOST_MOVED);
    if (records.length < count * ANNOUNCEMENT_BYTES)
      throw new BpfError('fewer records than counted');
    this.#native.setMoved(records, count);
  }

  /** Sends now, beside the rounds; `moved`: and tells switches of all that `setMoved` was given. */
  kick(moved = false): void {
    this.#native.kick(Boolean(moved));
  }

  snapshot(): BeaconSnapshot {
    return this.#native.snapshot();
  }

  /** Stops the thread; nothing is told any more. Harmless when done before. */
  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Each map once. */
class Memories {
  readonly #maps: BpfMap[] = [];

  spot({ map, offset }: BeaconSpot): [number, number] {
    if (!(map instanceof BpfMap)) throw new BpfError('expected a BpfMap');
    checkNumber(offset, 'offset', 0, sizeOf(map) - 1);
    const known = this.#maps.indexOf(map);
    return [known >= 0 ? known : this.#maps.push(map) - 1, offset];
  }

  get list(): Uint32Array {
    return Uint32Array.from(this.#maps.flatMap((map) => [map.fd, sizeOf(map)]));
  }
}

function sizeOf({ info }: BpfMap): number {
  return Math.ceil(info.valueSize / 8) * 8 * info.maxEntries;
}

function field(
  { at, length, reverse = false }: BeaconField,
  payload: number,
  spot: readonly number[],
): number[] {
  checkNumber(length, 'length', 1, payload);
  checkNumber(at, 'at', 0, payload - 8 - length);
  return [...spot, at, length, reverse ? 1 : 0];
}

function checkUdp(udp: BeaconUdp, payload: number): object {
  checkBytes(udp.datagram, 'datagram', payload);
  checkBytes(udp.expected, 'expected', payload);
  checkBytes(udp.expectedMask, 'expectedMask', payload);
  checkBytes(udp.toldMask, 'toldMask', payload);
  checkNumber(udp.localPort, 'localPort', 1, 0xffff);
  checkNumber(udp.remotePort, 'remotePort', 1, 0xffff);
  return { ...udp, remoteAddress: udp.remoteAddress ?? '' };
}

/** An exception may not cross into the addon; from here it takes the usual way. */
function tell(onChange: () => void): void {
  try {
    onChange();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
