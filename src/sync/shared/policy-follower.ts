/** Takes over what was applied on the other node, and knows how the policies of both stand. */
import { compareOrigins, type PolicyOrigin } from './origin.js';
import type { ReceivedPolicy, SharedPolicies } from './policy.js';
import type { Refusal, Standing } from './policy-messages.js';

/** What could not be installed is tried again then: there may be memory, or a port, by now. */
const AGAIN_MS = 30_000;

export interface FollowerOptions {
  readonly policies: SharedPolicies;
  /** Name of the other node. */
  readonly peer: string;
  /** This node cannot install it. */
  readonly onRefused: (refusal: Refusal) => void;
  /** `refused` has changed. */
  readonly onChange: () => void;
  readonly now?: () => number;
}

/** Fetches the policy of an origin from the other node; rejects when that is not possible now. */
export type Fetch = (origin: PolicyOrigin) => Promise<ReceivedPolicy>;

export class PolicyFollower {
  readonly #options: FollowerOptions;
  readonly #now: () => number;
  readonly #stopping = new AbortController();
  #fetch: Fetch | null = null;
  /** As it was told last; undefined: never. */
  #standing: Standing | undefined;
  #refused: Refusal | null = null;
  #triedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    options.policies.watch(() => this.look(), this.#stopping.signal);
  }

  /** The policy of the other node that could not be installed here. */
  get refused(): Refusal | null {
    return this.#refused;
  }

  /** There is no policy here, and the other node has one, or has not said yet that it has none. */
  get lacking(): boolean {
    if (this.#options.policies.shared !== null) return false;
    return this.#standing === undefined || this.#standing.origin !== null;
  }

  /** The other node is there. */
  begin(fetch: Fetch): void {
    this.#fetch = fetch;
  }

  /** What it says. */
  hear(standing: Standing): void {
    this.#standing = standing;
    if (standing.origin !== null) this.#options.policies.see(standing.origin);
    this.look();
  }

  /** The other node is gone; what it said last is still known. */
  leave(): void {
    this.#fetch = null;
  }

  /** Looks whether there is something to be taken over; also every second or so. */
  look(): void {
    if (this.#running !== null || this.#stopping.signal.aborted) return;
    const origin = this.#wanted();
    if (origin === null || this.#fetch === null) return;
    this.#running = this.#take(this.#fetch, origin).finally(() => {
      this.#running = null;
      const next = this.#wanted();
      if (next !== null && compareOrigins(next, origin) !== 0) this.look();
    });
  }

  /** What keeps both from having the same policy; null: nothing. */
  get pending(): { readonly why: string; readonly expected: boolean } | null {
    const { policies, peer } = this.#options;
    const own = policies.shared;
    const other = this.#standing;
    const there = this.#fetch !== null;
    const differs = (why: string, expected = false) => ({ why, expected });
    if (policies.confirmation !== null) return differs('a policy here is to be confirmed', true);
    if (other === undefined) return differs(`nothing is known of the policy of ${peer}`, !there);
    if (other.trial) return differs(`a policy of ${peer} is to be confirmed`, true);
    const order = compareOrigins(own?.origin ?? null, other.origin);
    if (order === 0) {
      if (own === null || own.digest === other.digest) return null;
      return differs(`${peer} makes something else of the same text: its version is another`);
    }
    const what =
      order > 0 ? `generation ${own!.generation}` : `generation ${other.generation} of ${peer}`;
    if (order > 0 && isOf(other.refused, own!.origin)) {
      return differs(`${peer} cannot install ${what}: ${other.refused!.why}`);
    }
    if (order < 0 && isOf(this.#refused, other.origin)) {
      return differs(`${what} cannot be installed here: ${this.#refused!.why}`);
    }
    if (!there) return differs(`${what} waits until ${peer} is connected`, true);
    return differs(`${what} is on its way`);
  }

  /** Resolves once nothing is under way. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#fetch = null;
    await this.#running;
  }

  /** The origin to fetch now. */
  #wanted(): PolicyOrigin | null {
    const { policies } = this.#options;
    const { origin = null } = this.#standing ?? {};
    if (origin === null || policies.confirmation !== null) return null;
    if (compareOrigins(origin, policies.shared?.origin ?? null) <= 0) return null;
    const tried = isOf(this.#refused, origin) && this.#now() - this.#triedAt < AGAIN_MS;
    return tried ? null : origin;
  }

  async #take(fetch: Fetch, origin: PolicyOrigin): Promise<void> {
    const { policies, peer } = this.#options;
    // Who is gone, or has another one by now, says so anew.
    const policy = await fetch(origin).catch(() => null);
    if (policy === null || this.#stopping.signal.aborted) return;
    this.#triedAt = this.#now();
    try {
      await policies.take(policy, peer);
      this.#note(null);
    } catch (error) {
      this.#note({ origin, why: error instanceof Error ? error.message : String(error) });
    }
  }

  #note(refusal: Refusal | null): void {
    const before = this.#refused;
    this.#refused = refusal;
    const same = refusal === null ? before === null : isOf(before, refusal.origin);
    if (same && before?.why === refusal?.why) return;
    if (refusal !== null) this.#options.onRefused(refusal);
    this.#options.onChange();
  }
}

function isOf(refusal: Refusal | null, origin: PolicyOrigin | null): boolean {
  return refusal !== null && compareOrigins(refusal.origin, origin) === 0;
}
