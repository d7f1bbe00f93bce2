import { checkNumber, checkOptions } from './check.js';
import { BpfError } from './error.js';
import { BpfMap } from './map.js';
import { addon, type NativeRingReader } from './native.js';

/**
 * Takes one slab. `records` holds three words for each record: its offset in the slab, its length,
 * and the index of its buffer (the CPU, when there is one buffer per CPU). `lost` counts records
 * that the reader dropped since the slab before. Slab and records are the handler's to keep.
 */
export type SlabHandler = (slab: Buffer, records: Uint32Array, lost: number) => void;

/** How records are gathered. */
export interface RingBuffersOptions {
  /** Bytes of a slab; a record that is larger is lost. 64 KiB by default. */
  readonly slabBytes?: number;
  /** How long a record waits at most for its slab to fill, in milliseconds; 20 by default. */
  readonly maxDelayMs?: number;
  /**
   * Slabs go as soon as there is something, but no two within `maxDelayMs`: what is rare is not late, and what is
   * frequent comes together. `records` then holds three words for each run of records of one buffer that lie
   * one after the other. No record comes before one of an earlier buffer that was there when it was made.
   * False by default.
   */
  readonly runs?: boolean;
  /**
   * With `runs`: a slab of at least so many bytes is worth its call, and the next one may go after `delayMs`
   * already, which takes the place of `maxDelayMs`. Never by default.
   */
  readonly dense?: { readonly bytes: number; readonly delayMs: number };
  /** Slabs that may be on their way to JavaScript; 8 by default. */
  readonly slabs?: number;
}

const RINGBUF = 27;
const NEVER = { bytes: 0xffff_ffff, delayMs: 0 };

/**
 * Drains ring buffers in a native thread: one call of the handler per slab, not per record. While
 * all slabs are on their way, records wait in the ring; once half of a ring is used up, its oldest
 * records are dropped and counted. An open reader keeps the process alive and is never collected:
 * close() it.
 *
 * A ring buffer has one reader. The maps may be closed while it runs.
 */
export class RingBuffers implements Disposable {
  readonly #native: NativeRingReader;
  #closed = false;

  /** Starts to drain. What the handler throws is an uncaught exception. */
  constructor(buffers: readonly BpfMap[], onSlab: SlabHandler, o: RingBuffersOptions = {}) {
    checkOptions(o, 'options');
    const { slabBytes = 65536, maxDelayMs = 20, slabs = 8, runs = false, dense = NEVER } = o;
    if (!Array.isArray(buffers) || buffers.length === 0)
      throw new BpfError('expected ring buffers');
    for (const buffer of buffers) checkRing(buffer);
    if (typeof onSlab !== 'function') throw new BpfError('onSlab: expected a function');
    checkNumber(slabBytes, 'slabBytes', 64, 1 << 26);
    checkNumber(maxDelayMs, 'maxDelayMs', 0, 60_000);
    checkNumber(slabs, 'slabs', 2, 1024);
    checkOptions(dense, 'dense');
    checkNumber(dense.bytes, 'dense.bytes');
    checkNumber(dense.delayMs, 'dense.delayMs', 0, 60_000);
    this.#native = new (addon().NativeRingReader)(
      buffers.map((buffer) => buffer.fd),
      buffers.map((buffer) => buffer.info.maxEntries),
      (slab, records, lost) => this.#deliver(onSlab, slab, records, lost),
      slabBytes,
      maxDelayMs,
      slabs,
      Boolean(runs),
      dense.bytes,
      dense.delayMs,
    );
  }

  /** Stops the thread; the handler is not called again. Harmless when done before. */
  close(): void {
    this.#closed = true;
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #deliver(onSlab: SlabHandler, slab: Buffer, records: Uint32Array, lost: number): void {
    if (this.#closed) return;
    try {
      onSlab(slab, records, lost);
    } catch (error) {
      // An exception may not cross into the addon; from here it takes the usual way.
      process.nextTick(() => {
        throw error;
      });
    }
  }
}

function checkRing(buffer: unknown): void {
  if (!(buffer instanceof BpfMap)) throw new BpfError('expected a BpfMap');
  if (buffer.info.type !== RINGBUF) throw new BpfError(`map ${buffer.info.name} is no ring buffer`);
}
