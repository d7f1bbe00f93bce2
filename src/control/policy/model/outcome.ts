/** What becomes of a frame, and the words for it. */
import type { Judgement } from '../opening.js';
import type { Phase, Timeouts } from './connection.js';
import type { Frame } from './frame.js';
import type { World } from './judge.js';
import type { LinkDecision, ReservedActions } from './link.js';
import type { Malformed } from './malformed.js';
import type { WayOut } from './mirror.js';
import type { Packet } from './packet.js';

/** What node.yaml says, as far as it decides about frames. */
export interface WallNode {
  /** By port number. */
  readonly ports: ReadonlyMap<number, 'uplink' | 'inside'>;
  /** Names of the ports, where a policy binds hosts to them. */
  readonly names?: ReadonlyMap<number, string>;
  /** MACs of the bridge and its ports, 6 bytes each. */
  readonly macs: readonly Uint8Array[];
  readonly reserved: ReservedActions;
  /** Jiffies per second; with 1, times are seconds. */
  readonly hz: number;
  readonly timeouts?: Timeouts;
  /** MACs that one port may teach; unlimited when left out. */
  readonly fdbQuota?: number;
  /** Do TCP segments out of window pass? Default no. */
  readonly liberal?: boolean;
  /** Is there a side bridge for what goes through netfilter? Default no. */
  readonly detour?: boolean;
  /** Room for established connections; unlimited when left out. */
  readonly maxEstablished?: number;
}

/** Why a frame was dropped; names as in bpf/reasons.h. */
export type Reason =
  | Malformed
  | Judgement['reason']
  | Exclude<LinkDecision, 'passes' | 'goes-on'>
  | 'martian'
  | 'arp-guard'
  | 'nd-guard'
  | 'reserved'
  | 'probe-auth'
  | 'standby'
  | 'no-policy'
  | 'self'
  | 'bad-flags'
  | 'bad-phase'
  | 'out-of-window'
  | 'no-state'
  | 'rate'
  | 'limit'
  | 'fragment'
  | 'fragment-overlap'
  | 'table-full'
  | 'same-port'
  | 'no-detour'
  | Exclude<WayOut, 'free' | 'unknown'>;

export interface Outcome {
  readonly action: 'drop' | 'forward' | 'flood' | 'every-port' | 'detour';
  /** 'none' unless dropped. */
  readonly reason: Reason;
  /** Of a frame that is forwarded, else null. */
  readonly outPort: number | null;
  /** Ports that a frame for every port is kept from. */
  readonly except: readonly number[];
  readonly rules: Judgement['rules'];
  /** Does a rule ask for a record of this frame (not: does `log.drops`)? */
  readonly log: boolean;
  /** Did the frame open a connection? */
  readonly opened: boolean;
  /** Connection that the frame belongs to, whether there is one or not. */
  readonly stateKey: string | null;
  /** Phase of that connection before and after the frame, null where there is none. */
  readonly phaseBefore: Phase | null;
  readonly phaseAfter: Phase | null;
  /** Dynamic groups that the sender shall go into for it. */
  readonly bans: readonly string[];
}

/** What the steps up to forwarding decide. */
export interface Decision {
  readonly reason: Reason;
  readonly rules: Judgement['rules'];
  readonly log: boolean;
  readonly opened: boolean;
  /** What the rules ask for besides. */
  readonly detour: number;
}

/** With the connection that the frame belongs to, if it does, and its phase before. */
export interface Judged extends Decision {
  readonly key: string | null;
  readonly before: Phase | null;
}

/** An IP packet whose source may be where it comes from. */
export interface Arrived {
  readonly world: World;
  readonly frame: Frame;
  readonly packet: Packet;
  readonly fromUplink: boolean;
}

/** Belongs to no connection. */
export const STATELESS = { key: null, before: null } as const;
export const NO_RULES: Judgement['rules'] = { out: null, in: null, transit: null, deny: null };

/** Accepted, so far. */
export const PASSED = {
  reason: 'none',
  outPort: null,
  except: [],
  rules: NO_RULES,
  log: false,
  opened: false,
  stateKey: null,
  phaseBefore: null,
  phaseAfter: null,
  bans: [],
} as const;

/** Dropped, for no rule's sake. */
export function drop(reason: Reason): Decision {
  return { reason, rules: NO_RULES, log: false, opened: false, detour: 0 };
}

/** Accepted under these rules. */
export function accept(rules: Judgement['rules'], detour = 0): Decision {
  return { reason: 'none', rules, log: false, opened: false, detour };
}
