/** Dynamic groups by name: what may be in them, and what a change of theirs entails. */

import { memberRecord, Refusal } from '../../generated/layouts.js';
import type { MemberChange } from '../../sync/shared/sets.js';
import {
  addressAt,
  BATCH,
  type BatchResult,
  batches,
  type Change,
  type Installer,
  type PackedAddresses,
  type PackedMembers,
  type Replacement,
  type Rules,
  type Sets,
} from '../dataplane/index.js';
import { type DynamicGroup, formatAddress, neverSource, readAddress } from '../policy/index.js';
import {
  ServiceError,
  type SetChange,
  type SetInfo,
  type SetLoad,
  type SetLoadResult,
  type SetMember,
  type SetUpdateResult,
} from '../service.js';
import { Coalesced } from './coalesced.js';
import type { Policies } from './policies.js';
import { packed, runLoad } from './set-load.js';

/** States are judged again at most this often, however many members come and go. */
const REJUDGE_MS = 500;
/** A hundred years: any longer is for good, and jiffies have an end. */
const LONGEST_TTL_SECONDS = 100 * 365 * 86_400;

const MOST_IN_ONE_ANSWER = 65_536;
/** How much of a group may be filled on nobody's order. */
const UNORDERED_SHARE = 3 / 4;

/** What sets need of the dataplane. */
export interface SetDeps {
  readonly sets: Sets;
  readonly policies: Policies;
  readonly installer: Installer;
  /** Ends, by and by, the live states that are no longer allowed. */
  readonly cutStates: () => void;
}

export class SetService {
  readonly #deps: SetDeps;
  readonly #rejudge: Coalesced;
  readonly #watchers = new Set<(change: MemberChange) => void>();

  constructor(deps: SetDeps) {
    this.#deps = deps;
    this.#rejudge = new Coalesced(() => {
      deps.installer.cell.rejudge();
      deps.cutStates();
    }, REJUDGE_MS);
  }

  list(): SetInfo[] {
    return this.#groups().map(({ name, max }) => ({
      name,
      max,
      members: this.#deps.sets.count(this.#bit(name)),
    }));
  }

  /** @throws ServiceError `not-found`; `precondition`: too many for one answer */
  async members(name: string): Promise<SetMember[]> {
    this.#group(name);
    const count = this.#deps.sets.count(this.#bit(name));
    if (count > MOST_IN_ONE_ANSWER) {
      const why = `set ${name} has ${count} members, too many for one answer: SetDump streams them`;
      throw new ServiceError('precondition', why);
    }
    const members: SetMember[] = [];
    for await (const records of this.dump(name)) {
      for (let at = 0; at < records.length; at += memberRecord.size) {
        const { address, left } = memberRecord.decode(records, at);
        members.push({ address: formatAddress(address.byte), ttl: left === 0 ? null : left });
      }
    }
    return members;
  }

  /** @throws ServiceError `not-found` */
  dump(name: string): AsyncGenerator<Buffer> {
    this.#group(name);
    return this.#deps.sets.members(this.#bit(name));
  }

  /** Returns how many are new; when one may not be a member, none is. @throws ServiceError */
  async add(name: string, texts: readonly string[], ttlSeconds: number | null): Promise<number> {
    checkTimeToLive(ttlSeconds);
    const addresses = packed(texts.map(parseMember));
    // One is added or refused as a whole anyway.
    if (texts.length > 1) await this.#changeAll(name, 'check', addresses, ttlSeconds);
    return await this.#changeAll(name, 'add', addresses, ttlSeconds);
  }

  /** Returns how many there were. @throws ServiceError */
  async delete(name: string, texts: readonly string[]): Promise<number> {
    return await this.#changeAll(name, 'remove', packed(texts.map(parseMember)), null);
  }

  /**
   * Puts sources into a group on nobody's order; who is in it stays there as he is. The last quarter of the
   * group's room is left to those that give orders. Tells of each source whether it is in the group,
   * and why one is not. @throws ServiceError `not-found`
   */
  async ban(
    name: string,
    sources: readonly Uint8Array[],
    ttlSeconds: number,
  ): Promise<{ banned: boolean[]; why: string }> {
    const { max } = this.#group(name);
    const share = Math.ceil(max * UNORDERED_SHARE);
    const run = {
      name,
      kind: 'add',
      ttl: ttlSeconds,
      options: { keep: true, max: share },
    } as const;
    const { refused } = await this.#changeEach(run, sources);
    const [first] = refused.values();
    const full = `${share} of the ${max} members that ${name} may have are in it; the rest is for orders`;
    const why = first?.refusal === Refusal.GROUP_FULL ? full : (first?.message ?? '');
    return { banned: sources.map((_, i) => !refused.has(i)), why };
  }

  /** Carries out changes in order, each run of like ones in batches; what is refused stops no other. */
  async update(changes: readonly SetChange[]): Promise<SetUpdateResult> {
    const result: SetUpdateResult = { added: 0, removed: 0, refused: [] };
    for (const { first, count } of runsOf(changes)) {
      const run = changes.slice(first, first + count);
      const { name, remove, ttl, keep } = run[0]!;
      const read = run.map(({ address }) => readAddress(address));
      const good = read.flatMap((address, i) => (address instanceof Uint8Array ? [i] : []));
      const addresses = good.map((i) => read[i] as Uint8Array);
      for (const [i, address] of read.entries()) {
        if (address instanceof Uint8Array) continue;
        result.refused.push({ index: first + i, why: `${address.problem}; ${address.hint}` });
      }
      try {
        checkTimeToLive(ttl);
        const how = { name, kind: remove ? 'remove' : 'add', ttl, options: { keep } } as const;
        const { changed, refused } = await this.#changeEach(how, addresses);
        result[remove ? 'removed' : 'added'] += changed;
        for (const [at, { message }] of refused) {
          result.refused.push({ index: first + good[at]!, why: message });
        }
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        const { message: why } = error;
        for (const i of good) result.refused.push({ index: first + i, why });
      }
    }
    result.refused.sort((a, b) => a.index - b.index);
    return result;
  }

  /** @throws ServiceError */
  async load(load: SetLoad, addresses: AsyncIterable<PackedAddresses>): Promise<SetLoadResult> {
    return await this.#load(load, addresses, {});
  }

  async #load(
    load: SetLoad,
    addresses: AsyncIterable<PackedMembers>,
    options: ChangeOptions,
  ): Promise<SetLoadResult> {
    const { name, ttl } = load;
    const { sets } = this.#deps;
    this.#group(name);
    checkTimeToLive(ttl);
    return await runLoad(load, addresses, {
      change: (kind, piece, own) => this.#change(name, kind, piece, ttl, own, options),
      refusal: (result, address) => this.#refusal(name, result, address),
      replace: () => sets.replace(this.#bit(name)),
      finish: (replacement) => this.#ending(name, replacement, sets.finish(replacement), options),
      abandon: (replacement) => this.#ending(name, replacement, sets.abandon(replacement), options),
      // A policy without the group may have come.
      members: () => this.list().find((set) => set.name === name)?.members ?? 0,
    });
  }

  /** See SharedSets: what is done here, and by nobody else. */
  watch(listener: (change: MemberChange) => void, signal: AbortSignal): void {
    this.#watchers.add(listener);
    signal.addEventListener('abort', () => this.#watchers.delete(listener), { once: true });
  }

  names(): string[] {
    return this.#groups().map(({ name }) => name);
  }

  /** What the other node of a pair has done; an address that may not be a member here is left out. */
  async take({ set, kind, ttlSeconds, keep, width, addresses }: MemberChange): Promise<void> {
    if (kind === 'replaced' || !this.#groups().some(({ name }) => name === set)) return;
    for (const batch of batches({ width, bytes: addresses })) {
      for (let at = 0; at < batch.bytes.length; ) {
        const rest = { width, bytes: batch.bytes.subarray(at) };
        const result = await this.#change(set, kind, rest, ttlSeconds, null, { keep, told: true });
        const { done, refusal } = result;
        if (refusal !== Refusal.NONE && !isAlone(refusal)) return;
        at += (refusal === Refusal.NONE ? done : done + 1) * width;
      }
    }
  }

  /** Equal numbers for equal members. */
  async digests(): Promise<Map<string, bigint>> {
    const all = await this.#deps.sets.digests();
    return new Map(this.#groups().map(({ name }) => [name, all[this.#bit(name)]!]));
  }

  /** Puts struct member_record in the place of what a group holds. @throws ServiceError */
  async replaceWith(name: string, records: AsyncIterable<Uint8Array>): Promise<void> {
    const load = { name, mode: 'replace', ttl: null, count: null } as const;
    await this.#load(load, membersOf(records), { told: true });
  }

  /** Members of these groups (a bit mask) came or went: what is no longer allowed ends. */
  changed(groups: number): void {
    if ((this.#deps.installer.usedGroups() & groups) !== 0) this.#rejudge.ask();
  }

  close(): void {
    this.#rejudge.close();
  }

  /** Changes of one kind. Those that are refused are told by their index. @throws ServiceError */
  async #changeEach(
    { name, kind, ttl, options }: ChangeRun,
    addresses: readonly Uint8Array[],
  ): Promise<{ changed: number; refused: Map<number, Refused> }> {
    const refused = new Map<number, Refused>();
    let changed = 0;
    for (let at = 0; at < addresses.length; ) {
      const batch = packed(addresses.slice(at, at + BATCH));
      const result = await this.#change(name, kind, batch, ttl, null, options);
      changed += result.changed;
      at += result.done;
      const why = this.#refusal(name, result, addressAt(batch, result.done));
      if (why === null) continue;
      const { refusal } = result;
      // Where there is no room for one, there is none for the others.
      const end = isAlone(refusal) ? at + 1 : addresses.length;
      for (; at < end; at++) refused.set(at, { refusal, message: why.message });
    }
    return { changed, refused };
  }

  async #changeAll(
    name: string,
    kind: Change,
    addresses: PackedAddresses,
    ttlSeconds: number | null,
  ): Promise<number> {
    this.#group(name);
    let changed = 0;
    for (const batch of batches(addresses)) {
      const result = await this.#change(name, kind, batch, ttlSeconds, null);
      const refusal = this.#refusal(name, result, addressAt(batch, result.done));
      if (refusal !== null) throw refusal;
      changed += result.changed;
    }
    return changed;
  }

  /** One batch. Its group's bit and maximum are looked up each time: a policy may come between two. */
  async #change(
    name: string,
    kind: Change,
    batch: PackedMembers,
    ttlSeconds: number | null,
    own: Replacement | null,
    { told = false, ...options }: ChangeOptions = {},
  ): Promise<BatchResult> {
    const { max, allowScreened } = this.#group(name);
    const bit = this.#bit(name);
    const { slot } = this.#deps.installer.judging();
    const rules: Rules = { bit, max, allowScreened, slot, ttlSeconds, ...options };
    const { sets } = this.#deps;
    if (kind === 'check') return await sets.change(kind, batch, rules);
    const change = own === null ? sets.change(kind, batch, rules) : sets.name(own, batch, rules);
    const result = await this.#noting(bit, change);
    const { width, bytes } = batch;
    if (!told && width !== 20 && result.done > 0) {
      const addresses = bytes.subarray(0, result.done * width);
      const keep = options.keep ?? false;
      this.#tell({ set: name, kind, ttlSeconds, keep, width, addresses });
    }
    return result;
  }

  /** Whoever was not named went, or whoever was came and went again. */
  async #ending(
    set: string,
    { bit }: Replacement,
    end: Promise<number>,
    { told = false }: ChangeOptions,
  ): Promise<number> {
    const count = await this.#noting(bit, end);
    const all = { keep: false, ttlSeconds: null, width: 16, addresses: new Uint8Array() } as const;
    if (!told) this.#tell({ ...all, set, kind: 'replaced' });
    return count;
  }

  #tell(change: MemberChange): void {
    for (const listener of this.#watchers) listener(change);
  }

  /** However it ends: some may have changed. */
  async #noting<T>(bit: number, change: Promise<T>): Promise<T> {
    try {
      return await change;
    } finally {
      this.#changed(bit);
    }
  }

  #refusal(name: string, { refusal }: BatchResult, address: Uint8Array): ServiceError | null {
    switch (refusal) {
      case Refusal.NONE:
        return null;
      case Refusal.NEVER: {
        // A member that can never match would only look like protection.
        const never = neverSource(address);
        const why = never
          ? `${never.problem}; hint: ${never.hint}`
          : `${formatAddress(address)} is no address of a host`;
        return new ServiceError('invalid', why);
      }
      case Refusal.SCREENED: {
        const text = formatAddress(address);
        const hosts = this.#deps.policies.active?.plan.hosts ?? [];
        const host = hosts.find(({ addresses }) => addresses.includes(text))?.name ?? 'known';
        const why = `${text} is the screened host ${host}, which ${name} may not hold (allowScreened)`;
        return new ServiceError('invalid', why);
      }
      case Refusal.GROUP_FULL: {
        const why = `set ${name} is full: it holds ${this.#group(name).max} members`;
        return new ServiceError('precondition', why);
      }
      case Refusal.TABLE_FULL: {
        const why = `the table of all sets is full: it holds ${this.#deps.sets.room} members`;
        return new ServiceError('precondition', why);
      }
      default:
        return new ServiceError('precondition', 'the kernel has no memory for more members');
    }
  }

  #groups(): readonly DynamicGroup[] {
    return this.#deps.policies.active?.plan.dynamicGroups ?? [];
  }

  #group(name: string): DynamicGroup {
    const groups = this.#groups();
    const found = groups.find((group) => group.name === name);
    if (found !== undefined) return found;
    const known = groups.map((group) => group.name).join(', ');
    const hint = known === '' ? 'the policy has none' : `there are ${known}`;
    throw new ServiceError('not-found', `there is no dynamic group ${name}; ${hint}`);
  }

  #bit(name: string): number {
    return this.#deps.policies.active!.numbering.groupBits.get(name)!;
  }

  #changed(bit: number): void {
    this.changed(1 << bit);
  }
}

interface Refused {
  readonly refusal: number;
  readonly message: string;
}

type ChangeOptions = Pick<Partial<Rules>, 'keep' | 'max'> & {
  /** The other node of a pair has done it, and is not told. */
  readonly told?: boolean;
};

interface ChangeRun {
  readonly name: string;
  readonly kind: 'add' | 'remove';
  readonly ttl: number | null;
  readonly options: ChangeOptions;
}

/** Refused for what it is; others may be members. */
function isAlone(refusal: number): boolean {
  return refusal === Refusal.NEVER || refusal === Refusal.SCREENED;
}

async function* membersOf(records: AsyncIterable<Uint8Array>): AsyncGenerator<PackedMembers> {
  for await (const bytes of records) yield { width: 20, bytes };
}

/** Changes one after the other that differ in nothing but their address. */
function* runsOf(changes: readonly SetChange[]): Generator<{ first: number; count: number }> {
  for (let first = 0; first < changes.length; ) {
    const { name, remove, ttl, keep } = changes[first]!;
    let end = first + 1;
    for (; end < changes.length; end++) {
      const next = changes[end]!;
      if (next.name !== name || next.remove !== remove) break;
      if (next.ttl !== ttl || next.keep !== keep) break;
    }
    yield { first, count: end - first };
    first = end;
  }
}

/** @throws ServiceError `invalid` */
function checkTimeToLive(seconds: number | null): void {
  if (seconds === null || (seconds > 0 && seconds <= LONGEST_TTL_SECONDS)) return;
  const range = 'more than 0 seconds and at most 100 years; without one a member stays for good';
  throw new ServiceError('invalid', `a time to live is ${range}`);
}

function parseMember(text: string): Uint8Array {
  const address = readAddress(text);
  if (address instanceof Uint8Array) return address;
  throw new ServiceError('invalid', `${address.problem}; ${address.hint}`);
}
