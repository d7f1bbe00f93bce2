import { type Frame, macText } from './frame.js';

interface Learned {
  port: number;
  seen: number;
}

/** MACs as the wall learns them, per VLAN tags. Times in jiffies. */
export class LearnedMacs {
  readonly #entries = new Map<string, Learned>();
  readonly #counts = new Map<number, number>();
  readonly #timeout: number;
  readonly #hz: number;
  readonly #quota: number;
  /** What was last seen before counts for nothing. */
  #since = 0;

  constructor(timeout: number, hz: number, quota: number) {
    this.#timeout = timeout;
    this.#hz = hz;
    this.#quota = quota;
  }

  /** The topology has changed: nothing is known until it is seen again. Once a second at most. */
  flush(now: number): void {
    if (now - this.#since >= this.#hz) this.#since = now;
  }

  /** Learns where the sender of an accepted frame is. */
  learn(frame: Frame, port: number, now: number): void {
    const key = macKey(frame, frame.sourceMac);
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.port === port) {
      // Last-seen moves at most once a second.
      if (this.#isExpired(entry, now) || now - entry.seen >= this.#hz) entry.seen = now;
      return;
    }
    if (this.#count(port) >= this.#quota) return;
    if (entry !== undefined) this.#counts.set(entry.port, this.#count(entry.port) - 1);
    this.#counts.set(port, this.#count(port) + 1);
    this.#entries.set(key, { port, seen: now });
  }

  /** The port behind which the receiver of a frame is, or null when nobody knows. */
  portOf(frame: Frame, now: number): number | null {
    const entry = this.#entries.get(macKey(frame, frame.destinationMac));
    return entry === undefined || this.#isExpired(entry, now) ? null : entry.port;
  }

  #isExpired(entry: Learned, now: number): boolean {
    return now - entry.seen > this.#timeout || entry.seen < this.#since;
  }

  #count(port: number): number {
    return this.#counts.get(port) ?? 0;
  }
}

function macKey(frame: Frame, mac: Uint8Array): string {
  return `${macText(mac)} ${frame.tags.join(' ')}`;
}
