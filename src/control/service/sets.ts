/** Members of dynamic groups: as they are, and as they change. */
export interface SetInfo {
  name: string;
  max: number;
  members: number;
}

export interface SetMember {
  address: string;
  /** Seconds left, or null: never expires. */
  ttl: number | null;
}

/** Addresses one after the other: 4 bytes of IPv4 each, or 16 bytes (IPv4 as ::ffff:a.b.c.d). */
export interface PackedAddresses {
  readonly width: 4 | 16;
  readonly bytes: Uint8Array;
}

export interface SetLoad {
  name: string;
  /** `replace`: what the list does not name goes, once all of it is there; `check` changes nothing. */
  mode: 'check' | 'add' | 'replace' | 'remove';
  /** Seconds; null: for good. */
  ttl: number | null;
  /** Addresses that will come; null: nobody knows. Fewer or more are an error. */
  count: number | null;
}

export interface SetLoadResult {
  /** Addresses that came, duplicates included. */
  received: number;
  /** Members that are new. */
  added: number;
  /** Members that are gone. */
  removed: number;
  /** Members of the group afterwards. */
  members: number;
  /** Of `check`: the first address that may not be a member, counted from 0, and why. */
  refused: { index: number; why: string } | null;
}

/** One change of many. */
export interface SetChange {
  readonly name: string;
  readonly address: string;
  readonly remove: boolean;
  /** Seconds; null: for good. */
  readonly ttl: number | null;
  /** Who is a member stays as he is. */
  readonly keep: boolean;
}

export interface SetUpdateResult {
  /** Members that are new. */
  added: number;
  /** Members that are gone. */
  removed: number;
  /** Changes that were not made, by their index. */
  refused: { index: number; why: string }[];
}
