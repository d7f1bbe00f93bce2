/**
 * How full the table of established connections is, and who is told: once when it is nearly full, once when
 * it is full, once when there is room again; and while it is full, now and then how many found none.
 */
import type { Alarm } from '../service.js';
import type { EventSink } from './event-bus.js';

/** Of the table. A level that was reached is left only below a lower one: else each connection would tell. */
const NEARLY_FULL = 0.9;
const NEARLY_AGAIN = 0.97;
const ROOM_AGAIN = 0.85;
/** Without a refusal, before a table that was full counts as one with room. */
const QUIET_MS = 2000;
/** Between two events that tell of connections that found no room. */
const AGAIN_MS = 60_000;

type Level = 'room' | 'nearly' | 'full';

export interface RoomOptions {
  /** Connections that the table holds at most. */
  readonly max: () => number;
  readonly events: EventSink;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

export class Room {
  readonly #max: () => number;
  readonly #events: EventSink;
  readonly #now: () => number;
  #level: Level = 'room';
  #established = 0;
  #since = '';
  #refusedAt = Number.NEGATIVE_INFINITY;
  #toldAt = 0;
  /** By port, since it was told the last time. */
  #refused = new Map<string, number>();

  constructor({ max, events, now = () => performance.now() }: RoomOptions) {
    this.#max = max;
    this.#events = events;
    this.#now = now;
  }

  /** What an operator has to know now. */
  get alarms(): Alarm[] {
    if (this.#level === 'room') return [];
    const held = `${this.#established} of ${this.#max()} established connections`;
    const full = this.#level === 'full';
    return [
      {
        kind: full ? 'table-full' : 'table-nearly-full',
        message: full ? `${held}: new ones are refused` : `${held}: there is little room left`,
        since: this.#since,
      },
    ];
  }

  /** So many are established. */
  counted(established: number): void {
    this.#established = established;
    const level = this.#levelOf(established / this.#max());
    if (level !== this.#level) this.#enter(level);
    else if (this.#now() - this.#toldAt >= AGAIN_MS) this.#tellRefused();
  }

  /** So many that came by a port found no room. */
  refused(port: string, count: number): void {
    this.#refusedAt = this.#now();
    this.#refused.set(port, (this.#refused.get(port) ?? 0) + count);
    if (this.#level !== 'full') this.#enter('full');
  }

  #levelOf(share: number): Level {
    if (this.#level === 'full') {
      const quiet = this.#now() - this.#refusedAt >= QUIET_MS;
      if (!quiet || share >= NEARLY_AGAIN) return 'full';
    }
    return share >= (this.#level === 'room' ? NEARLY_FULL : ROOM_AGAIN) ? 'nearly' : 'room';
  }

  #enter(level: Level): void {
    const before = this.#level;
    this.#level = level;
    this.#since = new Date().toISOString();
    this.#tellRefused();
    if (level === 'full') return;
    const kind = before === 'room' ? 'table-nearly-full' : 'table-room';
    this.#events.emit(kind, { established: this.#established, max: this.#max() });
  }

  #tellRefused(): void {
    this.#toldAt = this.#now();
    for (const [port, count] of this.#refused) this.#events.emit('table-full', { port, count });
    this.#refused = new Map();
  }
}
