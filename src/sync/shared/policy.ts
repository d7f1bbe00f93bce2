/** A policy on its way between the nodes of a pair. */
import type { PolicyContent, PolicyOrigin } from './origin.js';

/** What one node tells of a policy; the other one installs the same. */
export interface ReceivedPolicy extends PolicyContent {
  readonly resolved: Record<string, string[]>;
  readonly origin: PolicyOrigin;
  /** Who applied it there, and why. */
  readonly by: string;
  readonly uid: number | null;
  readonly why: string;
  /** What it compiled to there. */
  readonly digest: string;
}

export interface SharedPolicy extends ReceivedPolicy {
  /** Number that it has here. */
  readonly generation: number;
  /** When it was installed here: ISO 8601. */
  readonly at: string;
}

/**
 * What became of one that was received. `noted`: the very same judges already, and is known by its origin now;
 * `old`: what is here goes before it; `on-trial`: what judges here has to be confirmed first, or to go.
 */
export type Taken = 'installed' | 'noted' | 'old' | 'on-trial';

/** The policies of this node. */
export interface SharedPolicies {
  /** Null: none was ever applied. */
  readonly shared: SharedPolicy | null;
  /** Another one is on trial here. */
  readonly confirmation: object | null;
  watch(listener: () => void, signal: AbortSignal): void;
  see(origin: PolicyOrigin): void;
  take(policy: ReceivedPolicy, peer: string): Promise<Taken>;
}
