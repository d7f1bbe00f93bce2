/** Neighbours of a node that takes over: it knows where their MACs are, and tells their switches. */
import { ANNOUNCEMENT_BYTES, announce, MOST_MOVED } from '../../../native/lib/index.js';
import {
  announcements,
  announcementsOf,
  type Dataplane,
  type NumberedPort,
  teachAddresses,
} from '../dataplane/index.js';
import type { HaStatus } from '../service.js';

/** Frames per second, after the first. */
const PER_SECOND = 100_000;
/** What does not change is taught again, for it ages. */
const TEACH_MS = 10_000;

/** What leaves with the very probe that says that this node is active. */
export interface First {
  readonly records: Uint8Array;
  readonly count: number;
}

export class Neighbours {
  readonly #dataplane: Pick<Dataplane, 'map' | 'clock' | 'program'>;
  readonly #ports: () => readonly NumberedPort[];
  readonly #onFirst: (first: First) => void;
  #theirs: Uint8Array = new Uint8Array();
  #devices = '';
  #taughtAt = Number.NEGATIVE_INFINITY;
  #first: First = { records: new Uint8Array(), count: 0 };

  /** @param onFirst what is to be told first is another from now on */
  constructor(
    dataplane: Pick<Dataplane, 'map' | 'clock' | 'program'>,
    ports: () => readonly NumberedPort[],
    onFirst: (first: First) => void,
  ) {
    this.#dataplane = dataplane;
    this.#ports = ports;
    this.#onFirst = onFirst;
  }

  /** What the other node has learned, packed. */
  know(theirs: Uint8Array): void {
    const ports = this.#ports();
    const devices = ports.map(({ ifindex, side }) => `${ifindex} ${side}`).join();
    const same = devices === this.#devices && Buffer.compare(theirs, this.#theirs) === 0;
    const now = performance.now();
    if (!same || now - this.#taughtAt >= TEACH_MS) {
      this.#taughtAt = now;
      teachAddresses(this.#dataplane, ports, theirs);
    }
    if (same) return;
    this.#devices = devices;
    this.#theirs = theirs;
    const { records, count } = announcementsOf(ports, theirs, MOST_MOVED);
    this.#first = { records: records.subarray(0, count * ANNOUNCEMENT_BYTES), count };
    this.#onFirst(this.#first);
  }

  /** This node has taken over, and what comes first is told: all the others. */
  async tell(): Promise<HaStatus['announced']> {
    const { records, count } = announcements(this.#dataplane, this.#ports(), this.#theirs);
    const first = this.#first;
    const begins = records.subarray(0, first.records.length);
    const told = Buffer.compare(first.records, begins) === 0 ? first.count : 0;
    const rest = records.subarray(told * ANNOUNCEMENT_BYTES);
    const { sent, failed, ms } = await announce(rest, count - told, PER_SECOND);
    return { addresses: count, frames: told + sent, failed, ms: Math.round(ms) };
  }
}
