import { addressKey } from '../address.js';

/** Members of dynamic groups, and until when, in jiffies. */
export class DynamicMembers {
  /** By group and address; 0 for ever. */
  readonly #until = new Map<string, number>();

  /** @param until 0 for ever */
  add(group: string, address: Uint8Array, until: number): void {
    this.#until.set(memberKey(group, address), until);
  }

  remove(group: string, address: Uint8Array): void {
    this.#until.delete(memberKey(group, address));
  }

  has(group: string, address: Uint8Array, now: number): boolean {
    const until = this.#until.get(memberKey(group, address));
    return until !== undefined && (until === 0 || until > now);
  }
}

function memberKey(group: string, address: Uint8Array): string {
  return `${group} ${addressKey(address)}`;
}
