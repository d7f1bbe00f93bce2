import type { Prefix } from './address.js';
import type { Binding } from './bindings.js';
import type { CodeRange } from './codes.js';
import type { Limit } from './limits.js';
import type { DropReason, PolicyWarning, Position } from './plan.js';

/** One peer as written: a part of a list, or the whole of it. */
export type PeerItem =
  | { readonly kind: 'any'; readonly position: Position }
  | { readonly kind: 'group'; readonly name: string; readonly position: Position }
  | { readonly kind: 'host'; readonly name: string; readonly position: Position }
  | { readonly kind: 'prefix'; readonly prefix: Prefix; readonly position: Position }
  | { readonly kind: 'name'; readonly name: string; readonly position: Position }
  | { readonly kind: 'not'; readonly items: Peers; readonly position: Position };

/** A union of peers. */
export type Peers = readonly PeerItem[];

/** A service as a line names it, with the codes it stands for. */
export interface ServiceRef {
  /** As written: `25/tcp`, `mailin`, `all`. */
  readonly text: string;
  readonly items: readonly CodeRange[];
  /** True when it covers every code. */
  readonly all: boolean;
  readonly position: Position;
}

export interface NamedService {
  readonly name: string;
  readonly items: readonly CodeRange[];
  readonly all: boolean;
  readonly position: Position;
}

export interface PolicyGroup {
  readonly name: string;
  readonly items: Peers;
  /** Null for a group whose members the policy names. */
  readonly dynamic: { readonly max: number; readonly allowScreened: boolean } | null;
  readonly position: Position;
}

export interface HostAddress {
  /** 16 bytes. */
  readonly address: Uint8Array;
  /** Canonical. */
  readonly text: string;
  readonly position: Position;
}

/** A screened host. */
export interface PolicyHost {
  readonly name: string;
  readonly addresses: readonly HostAddress[];
  /** Where it speaks from. */
  readonly binding: Binding;
  /** Of connections to it. */
  readonly limit: Limit;
  readonly note: string | null;
  readonly position: Position;
}

interface LineOptions {
  /** A record of the packet that opens a connection. */
  readonly log: boolean;
  /** `log: session`: beginning, end and counts of each connection. */
  readonly session: boolean;
  /** How many connections it may open: `100/s`; '' for any number. */
  readonly rate: string;
  /** The explicit `id:`, or null. */
  readonly id: string | null;
  /** `helper` and `inspect`: see detour.ts. */
  readonly detour: number;
  readonly position: Position;
}

/** A line of a host's `in` or `out`. */
export interface HostLine extends LineOptions {
  readonly host: string;
  readonly direction: 'in' | 'out';
  readonly services: readonly ServiceRef[];
  readonly peers: Peers;
}

/** A line of `matrix` or `transit`. */
export interface PairLine extends LineOptions {
  readonly from: Peers;
  readonly to: Peers;
  readonly services: readonly ServiceRef[];
}

/** A line of `deny`; null stands for everything. */
export interface DenyStatement extends LineOptions {
  readonly from: Peers | null;
  readonly to: Peers | null;
  readonly services: readonly ServiceRef[] | null;
  /** Who has been denied by it too often goes into a group. */
  readonly onDrop: OnDropStatement | null;
}

/** Whose frames are dropped too often goes into a dynamic group. */
export interface OnDropStatement {
  readonly group: string;
  readonly after: number;
  readonly windowSeconds: number;
  readonly ttlSeconds: number;
  /** Never put there. */
  readonly except: Peers;
  /** Also by what anybody could have sent in their name. */
  readonly spoofable: boolean;
  readonly side: 'uplink' | 'inside' | 'both';
  readonly reasons: readonly DropReason[];
  readonly position: Position;
}

/** A DNS name that the policy uses, where it does so first. */
export interface NameUse {
  readonly name: string;
  readonly position: Position;
}

/** Addresses of DNS names, as text. */
export type ResolvedNames = ReadonlyMap<string, readonly string[]>;

/** A policy that was read: every reference in it is known, every group ends somewhere. */
export interface Policy {
  readonly file: string;
  readonly services: ReadonlyMap<string, NamedService>;
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  readonly hosts: ReadonlyMap<string, PolicyHost>;
  /** In the order of the file. */
  readonly lines: readonly HostLine[];
  readonly matrix: readonly PairLine[];
  readonly transit: readonly PairLine[];
  readonly deny: readonly DenyStatement[];
  readonly logDrops: boolean;
  /** Seconds after a start from nothing in which TCP is picked up mid-stream. */
  readonly pickup: number;
  /** Of every address that opens connections and is no screened host. */
  readonly sourceLimit: Limit;
  /** Those of `defaults`; deny lines have their own. */
  readonly onDrop: readonly OnDropStatement[];
  /** What must be resolved before it can be compiled. */
  readonly names: readonly NameUse[];
  readonly warnings: readonly PolicyWarning[];
}
