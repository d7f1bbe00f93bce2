/** Members of dynamic groups on their way between the nodes of a pair: packed, never one by one. */

/** What became of members of one group on the node that tells it. */
export interface MemberChange {
  readonly set: string;
  /** `replaced`: the whole group is another one, and has to be asked for. */
  readonly kind: 'add' | 'remove' | 'replaced';
  /** Of those that were added; null: for good. */
  readonly ttlSeconds: number | null;
  /** Who is a member stays one as he is. */
  readonly keep: boolean;
  /** Bytes of an address. */
  readonly width: 4 | 16;
  /** Addresses, as in {@link SharedSets.dump} or of IPv4 alone. */
  readonly addresses: Uint8Array;
}

/** The dynamic groups of this node. */
export interface SharedSets {
  /** Told of what is done here, not of what `take` and `replace` do. */
  watch(listener: (change: MemberChange) => void, signal: AbortSignal): void;
  /** Of the groups that there are now. */
  names(): readonly string[];
  /** Does the same. A group that is not there, or has no room, is passed over: digests will tell. */
  take(change: MemberChange): Promise<void>;
  /** By name: equal numbers, equal members. */
  digests(): Promise<ReadonlyMap<string, bigint>>;
  /** Records of 20 bytes: the address, and seconds that are left in network order (0: for good). */
  dump(set: string): AsyncIterable<Uint8Array>;
  /** Puts those records in the place of what the group holds. */
  replace(set: string, records: AsyncIterable<Uint8Array>): Promise<void>;
}
