/**
 * What the packet path knows of the pair: this node as it says of itself, the other one, and the keys of their
 * probes; and what it heard of the other one.
 */
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index } from './object.js';

const { Limits } = layouts;

export const KEY_BYTES = 16;

/** Who the two are. */
export interface PairSettings {
  /** Numbers of the nodes on the wire. */
  readonly node: number;
  readonly peer: number;
  readonly priority: number;
  /** Of two that are equal in all else, this one goes first. */
  readonly first: boolean;
  /** Random; another one with every start of the daemon. */
  readonly life: bigint;
}

/** The other node, as heard on one side. */
export interface HeardOnSide {
  /** Nanoseconds of the monotonic clock; 0: never. */
  readonly at: bigint;
  /** Of its newest probe, by key. */
  readonly counters: readonly bigint[];
  /** The last of our probes that was answered. */
  readonly answered: bigint;
  /** When a probe came while there was no key to check it with. */
  readonly strange: bigint;
  /** What it said last. */
  readonly said: layouts.Probe;
}

type Maps = Pick<Dataplane, 'map'>;

export class PairMap {
  readonly #dataplane: Maps;
  readonly #memory: DataView;
  readonly #heard: Uint8Array;

  constructor(dataplane: Maps) {
    this.#dataplane = dataplane;
    const memory = dataplane.map('pair').mmap();
    this.#memory = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#heard = dataplane.map('heard').mmap();
  }

  /**
   * Begins another life. The same two go on hearing and answering each other meanwhile; else there is no other node
   * until the last of these words is written.
   */
  begin({ node, peer, priority, first, life }: PairSettings): void {
    const at = layouts.pair.offsets;
    const was = [at.node, at.peer].map((offset) => this.#memory.getUint32(offset, true));
    if (was[0] !== node || was[1] !== peer) {
      this.#memory.setUint32(at.peer, 0, true);
      this.#memory.setUint8(at.keys, 0);
    }
    this.#memory.setBigUint64(at.life, life, true);
    this.#memory.setUint32(at.node, node, true);
    this.#memory.setUint16(at.priority, priority, true);
    this.#memory.setUint8(at.first, first ? 1 : 0);
    this.#memory.setUint8(at.flags, 0);
    this.#memory.setUint32(at.peer, peer, true);
  }

  /** There is no other node. */
  clear(): void {
    this.#memory.setUint32(layouts.pair.offsets.peer, 0, true);
  }

  /** enum probe_flags */
  set flags(flags: number) {
    this.#memory.setUint8(layouts.pair.offsets.flags, flags);
  }

  /** Since a frame other than a probe came in from that side; PROBE_QUIET_MS each, 255 for longer. */
  quiet(side: number): number {
    return this.#memory.getUint8(layouts.pair.offsets.quiet + side);
  }

  /**
   * Puts a key into a slot; what was signed with another one there counts for nothing. The same key again goes on:
   * what was heard with it once is not believed a second time.
   */
  setKey(slot: number, key: Uint8Array): void {
    const at = layouts.pair.offsets.key + slot * KEY_BYTES;
    const is = (byte: number, i: number) => this.#memory.getUint8(at + i) === byte;
    if (!key.every(is)) {
      this.dropKey(slot);
      for (let i = 0; i < KEY_BYTES; i++) this.#memory.setUint8(at + i, key[i]!);
      this.#forgetCounters(slot);
    }
    this.#memory.setUint8(layouts.pair.offsets.keys, this.#keys | (1 << slot));
  }

  dropKey(slot: number): void {
    this.#memory.setUint8(layouts.pair.offsets.keys, this.#keys & ~(1 << slot));
  }

  heard(side: number): HeardOnSide {
    const raw = layouts.heard.decode(this.#heard, side * layouts.heard.size);
    const probe = Buffer.alloc(layouts.probe.size);
    // Words of the probe as they stood there.
    probe.writeBigUInt64LE(raw.who, layouts.probe.offsets.node);
    probe.writeBigUInt64LE(raw.said, layouts.probe.offsets.epoch);
    probe.writeBigUInt64LE(raw.life, layouts.probe.offsets.life);
    const { at, counter, answered, strange } = raw;
    return { at, counters: counter, answered, strange, said: layouts.probe.decode(probe) };
  }

  get #keys(): number {
    return this.#memory.getUint8(layouts.pair.offsets.keys);
  }

  #forgetCounters(slot: number): void {
    const heard = new DataView(this.#heard.buffer, this.#heard.byteOffset, this.#heard.byteLength);
    for (const side of [0, 1]) {
      const at = side * layouts.heard.size + layouts.heard.offsets.counter + slot * 8;
      heard.setBigUint64(at, 0n, true);
    }
    const counters = this.#dataplane.map('probe_counters');
    for (let port = 0; port < Limits.MAX_PORTS; port++) {
      const { of } = layouts.probeCounter.decode(counters.lookup(index(port))!);
      const kept = of.map((counter, i) => (i === slot ? 0n : counter));
      counters.update(index(port), layouts.probeCounter.encode({ of: kept }));
    }
  }
}

/** Elements of map `outcomes` that count frames of a port, and those of them that were probes. */
export function trafficCounters(port: number): { plus: number[]; minus: number[] } {
  const base = port * Limits.OUTCOME_STRIDE;
  const { Outcome, Reason } = layouts;
  return {
    plus: [base + Outcome.RX],
    minus: [base + Outcome.ANSWERED, base + Outcome.DROP + Reason.PROBE_AUTH],
  };
}
