/** What the daemon and a thread that compiles say to each other. */
import type { NameUse, PolicyErrorCode } from '../../policy/index.js';
import type { Position } from '../../policy/plan.js';

/** One policy to be compiled. */
export interface Task {
  readonly text: string;
  readonly file: string;
  /** Addresses of the names in it; null: the thread is to ask for them. */
  readonly names: ReadonlyMap<string, readonly string[]> | null;
}

/** From the thread. */
export type Told =
  | { readonly kind: 'names'; readonly uses: readonly NameUse[] }
  /** A packed plan. */
  | { readonly kind: 'plan'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'refused';
      readonly code: PolicyErrorCode;
      readonly position: Position;
      readonly problem: string;
      readonly hint: string;
    };

/** Addresses of names. */
export type Names = ReadonlyMap<string, readonly string[]>;

/** To the thread. */
export type Order =
  | { readonly kind: 'compile'; readonly task: Task }
  /** The answer to `names`. */
  | { readonly kind: 'resolved'; readonly names: Names }
  | { readonly kind: 'end' };
