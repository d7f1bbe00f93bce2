/** Dynamic groups by name: what may be in them, and what a change of theirs entails. */
import { GroupFullError, type Installer, type Sets } from '../dataplane/index.js';
import { type DynamicGroup, formatAddress, neverSource, readAddress } from '../policy/index.js';
import { ServiceError, type SetInfo, type SetMember } from '../service.js';
import { Coalesced } from './coalesced.js';
import type { Policies } from './policies.js';

/** States are judged again at most this often, however many members come and go. */
const REJUDGE_MS = 500;

/** What sets need of the dataplane. */
export interface SetDeps {
  readonly sets: Sets;
  readonly policies: Policies;
  readonly installer: Installer;
  readonly clock: { now(): bigint; seconds(from: bigint, to: bigint): number };
}

export class SetService {
  readonly #deps: SetDeps;
  readonly #rejudge: Coalesced;

  constructor(deps: SetDeps) {
    this.#deps = deps;
    this.#rejudge = new Coalesced(() => deps.installer.cell.rejudge(), REJUDGE_MS);
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
    if (ttlSeconds !== null && !(ttlSeconds > 0 && Number.isFinite(ttlSeconds))) {
      throw new ServiceError('invalid', 'a time to live is more than 0 seconds');
    }
    const addresses = texts.map(parseMember);
    refuseNeverSources(addresses);
    if (!group.allowScreened) this.#refuseScreened(group, addresses);
    try {
      const added = await this.#deps.sets.add(this.#bit(name), addresses, ttlSeconds, group.max);
      this.#changed(name);
      return added;
    } catch (error) {
      if (!(error instanceof GroupFullError)) throw error;
      this.#changed(name);
      throw new ServiceError('precondition', `set ${name} is full: it holds ${error.max} members`);
    }
  }

  /** Returns how many there were. @throws ServiceError */
  async delete(name: string, texts: readonly string[]): Promise<number> {
    this.#group(name);
    const removed = await this.#deps.sets.delete(this.#bit(name), texts.map(parseMember));
    if (removed > 0) this.#changed(name);
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

  /** Live connections that a deny line now hits end at their next packet. */
  #changed(name: string): void {
    if ((this.#deps.installer.denyGroups() & (1 << this.#bit(name))) !== 0) this.#rejudge.ask();
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
