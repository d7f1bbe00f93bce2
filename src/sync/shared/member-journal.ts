/** What was done to members here, kept for a peer that is slow or away: the latest, up to a size. */
import type { MemberChange } from './sets.js';

/** Bytes of addresses. */
const MOST_BYTES = 4 << 20;
/** What an entry costs besides its addresses. */
const ENTRY_BYTES = 128;

interface Entry {
  readonly number: number;
  /** Milliseconds. */
  readonly at: number;
  readonly change: MemberChange;
}

export class MemberJournal {
  readonly #most: number;
  readonly #now: () => number;
  #entries: Entry[] = [];
  #bytes = 0;
  #last = 0;

  constructor(most = MOST_BYTES, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  /** Number of the latest change; 0: there was none. */
  get last(): number {
    return this.#last;
  }

  add(change: MemberChange): void {
    // What it came in may be much larger.
    const addresses = Uint8Array.from(change.addresses);
    const entry = { number: ++this.#last, at: this.#now(), change: { ...change, addresses } };
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    let over = 0;
    for (; this.#bytes > this.#most; over++) this.#bytes -= sizeOf(this.#entries[over]!);
    if (over > 0) this.#entries = this.#entries.slice(over);
  }

  /** Whether all after that number is still known. */
  reaches(number: number): boolean {
    return number <= this.#last && number >= this.#last - this.#entries.length;
  }

  /**
   * What came after that number, up to so many bytes, with the time to live of now. `gap`: some of it is no longer
   * known.
   */
  after(
    number: number,
    bytes: number,
  ): { readonly changes: MemberChange[]; readonly last: number; readonly gap: boolean } {
    const first = this.#last - this.#entries.length;
    const gap = !this.reaches(number);
    const changes: MemberChange[] = [];
    let last = gap ? first : number;
    for (let room = bytes; last < this.#last; last++) {
      const entry = this.#entries[last - first]!;
      room -= sizeOf(entry);
      if (room < 0 && changes.length > 0) break;
      const change = this.#aged(entry);
      if (change !== null) changes.push(change);
    }
    return { changes, last, gap };
  }

  /** Null: its time is over. */
  #aged({ at, change }: Entry): MemberChange | null {
    const { kind, ttlSeconds } = change;
    if (kind !== 'add' || ttlSeconds === null) return change;
    const left = Math.ceil(ttlSeconds - (this.#now() - at) / 1000);
    return left <= 0 ? null : { ...change, ttlSeconds: left };
  }
}

function sizeOf({ change }: Entry): number {
  return ENTRY_BYTES + change.addresses.length;
}
