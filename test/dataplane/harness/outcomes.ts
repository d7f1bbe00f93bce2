/** What became of the frames of a wall under test. The counters of all its ports are read, and zeroed, at once. */
import type { BpfMap } from '../../../native/lib/index.js';
import type { Reasons } from '../../../src/control/dataplane/reasons.js';
import * as layouts from '../../../src/generated/layouts.js';

const { Limits, Outcome } = layouts;

/** What became of the frames of one port, or of all. */
export interface Tally {
  readonly rx: number;
  readonly forwarded: number;
  readonly passed: number;
  readonly suppressed: number;
  /** TCP out of window that passed all the same; among the forwarded and passed. */
  readonly liberal: number;
  /** TCP connections that were picked up mid-stream: no frames. */
  readonly pickedUp: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export class Outcomes {
  readonly #map: BpfMap;
  readonly #ports: number;
  readonly #reasons: Reasons;
  /** One after the other, from the first port on. */
  readonly #counters: number;

  constructor(map: BpfMap, ports: number, reasons: Reasons) {
    this.#map = map;
    this.#ports = ports;
    this.#reasons = reasons;
    this.#counters = ports * Limits.OUTCOME_STRIDE;
  }

  /** Packets that one outcome of a port has counted. */
  count(port: number, outcome: number): number {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(port * Limits.OUTCOME_STRIDE + outcome);
    return packets(this.#map.lookup(key)!);
  }

  /** The outcomes of one port, or the sums of all. */
  tally(port?: number): Tally {
    const { values, size } = this.#all();
    const ports = port === undefined ? [...Array(this.#ports).keys()] : [port];
    const sum = (outcome: number) =>
      ports.reduce((total, number) => {
        const at = (number * Limits.OUTCOME_STRIDE + outcome) * size;
        return total + packets(values.subarray(at, at + size));
      }, 0);
    const dropped: Record<string, number> = {};
    for (let reason = 0; reason < this.#reasons.count; reason++) {
      const dropping = sum(Outcome.DROP + reason);
      if (dropping > 0) dropped[this.#reasons.get(reason).name] = dropping;
    }
    return {
      rx: sum(Outcome.RX),
      forwarded: sum(Outcome.FORWARDED),
      passed: sum(Outcome.PASSED),
      suppressed: sum(Outcome.LOG_SUPPRESSED),
      liberal: sum(Outcome.LIBERAL),
      pickedUp: sum(Outcome.PICKED_UP),
      dropped,
    };
  }

  zero(): void {
    const { keys, values } = this.#all();
    this.#map.updateBatch(keys, values.fill(0), this.#counters);
  }

  #all(): { keys: Buffer; values: Buffer; size: number } {
    const [slice] = this.#map.entries(this.#counters);
    if (slice?.count !== this.#counters) throw new Error('not all counters in one batch');
    return { ...slice, size: slice.values.length / slice.count };
  }
}

/** Of all CPUs. */
function packets(values: Buffer): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += layouts.outcomeCounter.size) {
    sum += Number(values.readBigUInt64LE(at));
  }
  return sum;
}
