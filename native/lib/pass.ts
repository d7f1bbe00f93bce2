/** Passes of a syscall program over the elements of a map, a batch at a time. */
import { checkNumber, checkOptions } from './check.js';
import { BpfError } from './error.js';
import { BpfMap } from './map.js';
import { addon, type NativePass } from './native.js';
import { BpfProgram } from './program.js';

/** How the slices of an array are laid out, each of which takes one batch; offsets are in bytes. */
export interface SliceShape {
  readonly slices: number;
  /** Most elements of a batch. */
  readonly elements: number;
  /** Keys begin at 0. */
  readonly valuesAt: number;
  readonly recordsAt: number;
  /** Of a slice, which is a value of the array. */
  readonly bytes: number;
}

/** What a pass is made of. */
export interface PassOptions {
  /**
   * Of section `syscall`. Its context is four 32-bit words: the number of a slice, how many elements are in
   * it, `table`, and a zero, in place of which it leaves how many bytes of records it wrote into the slice.
   */
  readonly program: BpfProgram;
  /** Whose elements it visits: a hash. */
  readonly map: BpfMap;
  /** An mmapable array, shared by all passes of this process. */
  readonly slices: BpfMap;
  readonly shape: SliceShape;
  readonly table?: number;
}

/** What {@link BpfPass.drain} did. */
export interface Drained {
  readonly batches: number;
  /** Nanoseconds of CPU that the longest batch took. */
  readonly longestNs: number;
  /** The program has visited everything. */
  readonly ended: boolean;
}

const LARGEST = 0x7fffffff;

/**
 * One pass. The kernel copies whole buckets, so that an element which is there all the time is visited
 * once, whatever is added or removed meanwhile; what comes or goes meanwhile may be visited or not.
 */
export class BpfPass implements Disposable {
  readonly #native: NativePass;

  /** @throws {BpfError} EINVAL when elements of the map do not fit into a slice */
  constructor(o: PassOptions) {
    checkOptions(o, 'BpfPass');
    const { program, map, slices, shape, table = 0 } = o;
    if (!(program instanceof BpfProgram)) throw new BpfError('expected a BpfProgram');
    if (!(map instanceof BpfMap && slices instanceof BpfMap))
      throw new BpfError('expected a BpfMap');
    checkOptions(shape, 'shape');
    const numbers = [shape.slices, shape.elements, shape.valuesAt, shape.recordsAt, shape.bytes];
    for (const number of numbers) checkNumber(number, 'shape', 0, LARGEST);
    checkNumber(table, 'table');
    this.#native = new (addon().NativePass)(
      program.fd,
      map.fd,
      slices.fd,
      table,
      ...(numbers as [number, number, number, number, number]),
    );
  }

  /** Visits the next batch: the records that the program wrote, perhaps none. Null at the end. */
  next(): Buffer | null {
    return this.#native.next();
  }

  /**
   * Visits `most` batches at most in a thread of the pool, and throws away what the program writes: for
   * programs that do their work as they visit. The event loop is free meanwhile. Until it is done any other
   * call but close() is refused with EBUSY.
   */
  drain(most: number): Promise<Drained> {
    checkNumber(most, 'most', 1);
    return this.#native.drain(most);
  }

  /** Ends the pass, once a batch that is under way is done; harmless when done before. */
  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
