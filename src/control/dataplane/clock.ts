/** Kernel time in jiffies, the unit of every time in the maps. */
import type { BpfProgram } from '../../../native/lib/index.js';

/** Reads the kernel's jiffies through the dataplane's `read_clock` program. */
export class Clock {
  readonly #program: BpfProgram;
  /** Jiffies per second. */
  readonly hz: number;

  constructor(program: BpfProgram, hz: number) {
    this.#program = program;
    this.hz = hz;
  }

  /** Jiffies now. */
  now(): bigint {
    const { ctx } = this.#program.testRun({ ctx: Buffer.alloc(8) });
    return ctx.readBigUInt64LE(0);
  }

  /** Seconds between two times, never negative. */
  seconds(from: bigint, to: bigint): number {
    return to > from ? Number(to - from) / this.hz : 0;
  }

  /** Jiffies in so many seconds, rounded up. */
  jiffies(seconds: number): bigint {
    return BigInt(Math.ceil(seconds * this.hz));
  }
}
