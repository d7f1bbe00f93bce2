/** Dynamic groups by name: what may be in them, and what a change of theirs entails. */
import { GroupFullError, type Installer, type Sets } from '../dataplane/index.js';
import { type DynamicGroup, formatAddress, neverSource, readAddress } from '../policy/index.js';
import { ServiceError, type SetInfo, type SetMember } from '../service.js';
import { Coalesced } from './coalesced.js';
import type { Policies } from './policies.js';

/** States are judged again at most this often, however many members come and go. */
const REJUDGE_MS = 500;
/** Members that are added or deleted in one go. */
const PIECE = 4096;
/** A hundred years: any longer is for good, and jiffies have an end. */
const LONGEST_TTL_SECONDS = 100 * 365 * 86_400;

/** What sets need of the dataplane. */
export interface SetDeps {
  readonly sets: Sets;
  readonly policies: Policies;
  readonly installer: Installer;
  /** Ends, by and by, the live states that are no longer allowed. */
  readonly cutStates: () => void;
  readonly clock: { now(): bigint; seconds(from: bigint, to: bigint): number };
}

export class SetService {
  readonly #deps: SetDeps;
  readonly #rejudge: Coalesced;

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

  /** @throws ServiceError `not-found` */
  async members(name: string): Promise<SetMember[]> {
    this.#group(name);
    const { clock } = this.#deps;
    const members = await this.#deps.sets.members(this.#bit(name));
    const now = clock.now();
    return members.map(({ address, expires }) => ({
      address: formatAddress(address),
      ttl: expires === 0n ? null : Math.ceil(clock.seconds(now, expires)),
    }));
  }

  /** Returns how many are new. @throws ServiceError */
  async add(name: string, texts: readonly string[], ttlSeconds: number | null): Promise<number> {
    const group = this.#group(name);
    checkTimeToLive(ttlSeconds);
    const addresses = texts.map(parseMember);
    refuseNeverSources(addresses);
    if (!group.allowScreened) this.#refuseScreened(group, addresses);
    let added = 0;
    for (const some of pieces(addresses)) added += await this.#addSome(name, some, ttlSeconds);
    return added;
  }

  /** Its bit and its most members are looked up for each piece: a policy may come between two. */
  async #addSome(
    name: string,
    addresses: readonly Uint8Array[],
    ttlSeconds: number | null,
  ): Promise<number> {
    const { max } = this.#group(name);
    const bit = this.#bit(name);
    try {
      return await this.#deps.sets.add(bit, addresses, ttlSeconds, max);
    } catch (error) {
      if (!(error instanceof GroupFullError)) throw error;
      const what = error.full === 'group' ? `set ${name}` : 'the table of all sets';
      throw new ServiceError('precondition', `${what} is full: it holds ${error.max} members`);
    } finally {
      // However it ended: some may have been added.
      this.#changed(bit);
    }
  }

  /** Returns how many there were. @throws ServiceError */
  async delete(name: string, texts: readonly string[]): Promise<number> {
    this.#group(name);
    let removed = 0;
    for (const some of pieces(texts.map(parseMember))) {
      this.#group(name);
      const bit = this.#bit(name);
      removed += await this.#deps.sets.delete(bit, some);
      this.#changed(bit);
    }
    return removed;
  }

  close(): void {
    this.#rejudge.close();
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

  /** Live connections that a deny line now hits end at their next packet, or without one. */
  #changed(bit: number): void {
    if ((this.#deps.installer.denyGroups() & (1 << bit)) !== 0) this.#rejudge.ask();
  }

  #refuseScreened(group: DynamicGroup, addresses: readonly Uint8Array[]): void {
    const hosts = this.#deps.policies.active?.plan.hosts ?? [];
    const owner = new Map(hosts.flatMap((host) => host.addresses.map((text) => [text, host.name])));
    for (const address of addresses) {
      const text = formatAddress(address);
      const host = owner.get(text);
      if (host === undefined) continue;
      throw new ServiceError(
        'invalid',
        `${text} is the screened host ${host}, which ${group.name} may not hold (allowScreened)`,
      );
    }
  }
}

/** Of a long list: what others want to change need not wait for all of it, nor what it cuts. */
function* pieces<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += PIECE) yield list.slice(from, from + PIECE);
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

/** A member that can never match would only look like protection. */
function refuseNeverSources(addresses: readonly Uint8Array[]): void {
  for (const address of addresses) {
    const never = neverSource(address);
    if (never !== null) throw new ServiceError('invalid', `${never.problem}; hint: ${never.hint}`);
  }
}
