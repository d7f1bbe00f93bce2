/**
 * Members of dynamic groups. The maps are the only record of them; what is kept here is how many
 * there are and when the next one expires.
 */
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index } from './object.js';
import { Serial } from './serial.js';

const BATCH = 4096;
const { Limits } = layouts;

export interface Member {
  readonly address: Uint8Array;
  /** Jiffies; 0: never. */
  readonly expires: bigint;
}

/** A group is full, or the table that all of them share. */
export class GroupFullError extends Error {
  constructor(
    readonly max: number,
    readonly full: 'group' | 'table',
  ) {
    super(`more than ${max} members in the ${full}`);
    this.name = 'GroupFullError';
  }
}

/** The dynamic groups by bit. */
export class Sets {
  readonly #dataplane: Dataplane;
  readonly #counts = new Array<number>(Limits.MAX_DYNAMIC_GROUPS).fill(0);
  // Counting walks the maps with pauses; nothing may change members meanwhile.
  readonly #serial = new Serial();
  #nextExpiry: bigint | null = null;

  private constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane;
  }

  /** Counts what is there. */
  static async open(dataplane: Dataplane): Promise<Sets> {
    const sets = new Sets(dataplane);
    await sets.#recount(() => false);
    return sets;
  }

  /** Members of a group, expired ones that were not swept yet included. */
  count(bit: number): number {
    return this.#counts[bit]!;
  }

  /**
   * Adds members, or gives them a new time to live (null: for ever). Returns how many are new.
   * @throws GroupFullError, with those before the one too many added
   */
  add(
    bit: number,
    addresses: readonly Uint8Array[],
    ttlSeconds: number | null,
    max: number,
  ): Promise<number> {
    return this.#serial.run(() => this.#add(bit, addresses, ttlSeconds, max));
  }

  /** Removes members; returns how many there were. */
  delete(bit: number, addresses: readonly Uint8Array[]): Promise<number> {
    return this.#serial.run(async () => {
      let removed = 0;
      for (const [i, address] of addresses.entries()) {
        if (this.#remove(bit, address)) removed++;
        if (i % BATCH === BATCH - 1) await yieldToOthers();
      }
      return removed;
    });
  }

  /** Whether an address is a member that has not expired. */
  has(bit: number, address: Uint8Array): boolean {
    const key = layouts.memberKey.encode({ address: { byte: address }, group: bit });
    const found = this.#dataplane.map('members').lookup(key);
    if (found === undefined) return false;
    const { expires } = layouts.member.decode(found);
    return expires === 0n || expires > this.#dataplane.clock.now();
  }

  /** Members that have not expired. */
  async members(bit: number): Promise<Member[]> {
    const now = this.#dataplane.clock.now();
    const found: Member[] = [];
    for await (const { group, address, expires } of this.#all()) {
      if (group === bit && (expires === 0n || expires > now)) found.push({ address, expires });
    }
    return found;
  }

  /** Removes every member of the groups of these bits. */
  clear(bits: readonly number[]): Promise<void> {
    const gone = new Set(bits);
    return this.#serial.run(async () => {
      if (bits.some((bit) => this.#counts[bit]! > 0)) {
        await this.#recount((member) => gone.has(member.group));
      }
    });
  }

  /** Removes members whose time is over; costs nothing until one's is. */
  sweep(): Promise<void> {
    return this.#serial.run(async () => {
      const now = this.#dataplane.clock.now();
      if (this.#nextExpiry === null || this.#nextExpiry > now) return;
      await this.#recount((member) => member.expires !== 0n && member.expires <= now);
    });
  }

  async #add(
    bit: number,
    addresses: readonly Uint8Array[],
    ttlSeconds: number | null,
    max: number,
  ): Promise<number> {
    const { clock } = this.#dataplane;
    const expires = ttlSeconds === null ? 0n : clock.now() + clock.jiffies(ttlSeconds);
    const value = layouts.member.encode({ expires });
    const members = this.#dataplane.map('members');
    const room = members.info.maxEntries;
    let total = this.#counts.reduce((sum, count) => sum + count, 0);
    let added = 0;
    // First: those before the one too many expire as well.
    if (expires !== 0n && (this.#nextExpiry === null || expires < this.#nextExpiry)) {
      this.#nextExpiry = expires;
    }
    for (const [i, address] of addresses.entries()) {
      const key = layouts.memberKey.encode({ address: { byte: address }, group: bit });
      const known = members.lookup(key) !== undefined;
      if (!known && this.#counts[bit]! >= max) throw new GroupFullError(max, 'group');
      if (!known && total >= room) throw new GroupFullError(room, 'table');
      // The member before the mask: the packet path reads them the other way round.
      members.update(key, value);
      this.#setMask(address, (mask) => mask | (1 << bit));
      if (!known) {
        this.#counts[bit]!++;
        total++;
        added++;
      }
      if (i % BATCH === BATCH - 1) await yieldToOthers();
    }
    return added;
  }

  /** Walks all members, removes those that `unwanted` picks, and counts the rest anew. */
  async #recount(unwanted: (member: Member & { group: number }) => boolean): Promise<void> {
    let next: bigint | null = null;
    const gone: { group: number; address: Uint8Array }[] = [];
    const counts = new Array<number>(Limits.MAX_DYNAMIC_GROUPS).fill(0);
    for await (const member of this.#all()) {
      counts[member.group]!++;
      if (unwanted(member)) gone.push(member);
      else if (member.expires !== 0n && (next === null || member.expires < next)) {
        next = member.expires;
      }
    }
    this.#counts.splice(0, counts.length, ...counts);
    this.#nextExpiry = next;
    for (const { group, address } of gone) this.#remove(group, address);
  }

  #remove(bit: number, address: Uint8Array): boolean {
    const key = layouts.memberKey.encode({ address: { byte: address }, group: bit });
    const was = this.#dataplane.map('members').delete(key);
    this.#setMask(address, (mask) => mask & ~(1 << bit));
    if (was) this.#counts[bit]!--;
    return was;
  }

  #setMask(address: Uint8Array, change: (mask: number) => number): void {
    const groups = this.#dataplane.map('member_groups');
    const before = groups.lookup(address)?.readUInt32LE(0) ?? 0;
    const after = change(before) >>> 0;
    if (after === before) return;
    if (after === 0) groups.delete(address);
    else groups.update(address, index(after));
  }

  async *#all(): AsyncGenerator<Member & { group: number }> {
    const keySize = layouts.memberKey.size;
    const valueSize = layouts.member.size;
    for (const { keys, values, count } of this.#dataplane.map('members').entries(BATCH)) {
      for (let i = 0; i < count; i++) {
        const key = layouts.memberKey.decode(keys, i * keySize);
        const { expires } = layouts.member.decode(values, i * valueSize);
        yield { group: key.group, address: Uint8Array.from(key.address.byte), expires };
      }
      await yieldToOthers();
    }
  }
}

function yieldToOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
