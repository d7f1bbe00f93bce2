/**
 * The compiled policy: plain data, ready to be written into maps. Produced by `compile`, consumed by
 * the installer; the two share nothing else. All addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d, and
 * prefix lengths count those 128 bits (`10.0.0.0/8` has length 104).
 */
import type { Binding, Vlan } from './bindings.js';
import type { Limit } from './limits.js';
import type { MatrixTable } from './matrix-table.js';
import type { Position } from './rule.js';
import type { RuleTable } from './rule-table.js';

export type { Alternative, MatrixEntry } from './matrix-table.js';
export type { Position, Rule, RuleDirection } from './rule.js';

export interface AddressClass {
  /** Index into Plan.hosts plus 1; 0: not screened. */
  readonly host: number;
  readonly peerClass: number;
  /** Bit i: deny line i's `from` (`to`) holds these addresses. */
  readonly denyFrom: bigint;
  readonly denyTo: bigint;
}

export interface AddressEntry extends AddressClass {
  readonly length: number;
  readonly address: Uint8Array;
  /** What this one address is in these VLANs; null: a prefix, whatever the tags. */
  readonly vlan: Vlan | null;
  /** Screened in VLANs of which other entries tell, and nobody's everywhere else. */
  readonly tagged: boolean;
}

/** Peer class that stands for every peer (`PEER_ANY` in bpf/layout.h). */
export const PEER_ANY = 0xffffffff;

export interface DenyLine {
  /** Index into Plan.rules. */
  readonly rule: number;
  readonly log: boolean;
  /** Dynamic groups (indices into Plan.dynamicGroups) that its `from` or `to` names. */
  readonly dynamicFrom: readonly number[];
  readonly dynamicTo: readonly number[];
  /** True when the line names no service. */
  readonly allServices: boolean;
}

/** Reasons for which somebody may be put into a group; names as in bpf/reasons.h. */
export type DropReason =
  | 'bad-flags'
  | 'bad-phase'
  | 'out-of-window'
  | 'denied'
  | 'no-state'
  | 'fragment'
  | 'fragment-overlap'
  | 'no-out'
  | 'no-in'
  | 'not-screened';

/** Whose frames are dropped too often goes into a dynamic group. */
export interface OnDrop {
  /** Index into Plan.dynamicGroups. */
  readonly group: number;
  /** So many drops, in so many seconds. */
  readonly after: number;
  readonly windowSeconds: number;
  readonly ttlSeconds: number;
  /** Bit of AddressClass.denyFrom that those have who are never put there; of no deny line. */
  readonly exemptBit: number;
  /** Indices into Plan.dynamicGroups: nor are their members. */
  readonly exemptGroups: readonly number[];
  readonly spoofable: boolean;
  readonly side: 'uplink' | 'inside' | 'both';
  readonly reasons: readonly DropReason[];
  /** Index of the only deny line that counts; null: all do. */
  readonly line: number | null;
  readonly position: Position;
}

export interface PlanHost {
  /** Where it speaks from. */
  readonly binding: Binding;
  /** Of connections to it. */
  readonly limit: Limit;
  readonly name: string;
  /** Canonical text of each address. */
  readonly addresses: readonly string[];
  readonly position: Position;
}

export interface DynamicGroup {
  readonly name: string;
  readonly max: number;
  readonly allowScreened: boolean;
}

export interface PolicyWarning {
  readonly message: string;
  readonly position: Position;
}

export interface Plan {
  readonly hosts: readonly PlanHost[];
  /** Every rule, deny and transit lines included, in the order of the file. */
  readonly rules: RuleTable;
  readonly addresses: readonly AddressEntry[];
  /** Classes of addresses that no entry holds. */
  readonly defaultV4: AddressClass;
  readonly defaultV6: AddressClass;
  /** Service class by service code (`enum service_code`), SERVICE_CODES long; class 0: in no rule but `all`. */
  readonly services: Uint16Array;
  /** Deny mask by service class; its length is the number of service classes. */
  readonly serviceDeny: BigUint64Array;
  readonly matrix: MatrixTable;
  readonly deny: readonly DenyLine[];
  readonly dynamicGroups: readonly DynamicGroup[];
  readonly logDrops: boolean;
  /** Seconds after a start from nothing in which TCP is picked up mid-stream. */
  readonly pickup: number;
  /** Of every address that opens connections and is no screened host. */
  readonly sourceLimit: Limit;
  readonly onDrop: readonly OnDrop[];
  readonly warnings: readonly PolicyWarning[];
  /** sha256 of everything that decides a verdict, hex. */
  readonly digest: string;
}
