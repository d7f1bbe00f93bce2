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

/** Whoever sends that probe. */
export interface Herald {
  setMoved(first: First): void;
  /** All of what was to leave with the last such probe has. */
  movedLeft(): boolean;
}

const NOTHING: First = { records: new Uint8Array(), count: 0 };

export class Neighbours {
  readonly #dataplane: Pick<Dataplane, 'map' | 'clock' | 'program'>;
  readonly #ports: () => readonly NumberedPort[];
  readonly #herald: Herald;
  #theirs: Uint8Array = new Uint8Array();
  #devices = '';
  #taughtAt = Number.NEGATIVE_INFINITY;
  #first = NOTHING;

  constructor(
    dataplane: Pick<Dataplane, 'map' | 'clock' | 'program'>,
    ports: () => readonly NumberedPort[],
    herald: Herald,
  ) {
    this.#dataplane = dataplane;
    this.#ports = ports;
    this.#herald = herald;
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
    this.#setFirst({ records: records.subarray(0, count * ANNOUNCEMENT_BYTES), count });
  }

  /** This node has taken over, and what comes first is told: all the others, and what could not be sent at once. */
  async tell(): Promise<HaStatus['announced']> {
    const [theirs, first] = [this.#theirs, this.#first];
    const { records, count } = announcements(this.#dataplane, this.#ports(), theirs);
    const begins = records.subarray(0, first.records.length);
    const told = Buffer.compare(first.records, begins) === 0 ? first.count : 0;
    const rest = records.subarray(told * ANNOUNCEMENT_BYTES);
    const others = await announce(rest, count - told, PER_SECOND);
    const again = this.#herald.movedLeft()
      ? { sent: told, failed: 0, ms: 0 }
      : await announce(records, told, PER_SECOND);
    if (this.#theirs === theirs) this.#forget();
    return {
      addresses: count,
      frames: others.sent + again.sent,
      failed: others.failed + again.failed,
      ms: Math.round(others.ms + again.ms),
    };
  }

  /** What the other node knew is old once this one is active, and learns for itself. */
  #forget(): void {
    this.#theirs = new Uint8Array();
    this.#devices = '';
    this.#setFirst(NOTHING);
  }

  #setFirst(first: First): void {
    this.#first = first;
    this.#herald.setMoved(first);
  }
}
