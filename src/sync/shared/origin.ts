/** Where a policy was applied, and which of two the pair goes by. */
import { createHash } from 'node:crypto';

/** Names one apply on one node of the pair; it goes with the policy wherever that goes. */
export interface PolicyOrigin {
  /** Of roles, there and then. */
  readonly epoch: number;
  /** Number that the generation got there. */
  readonly generation: number;
  /** Name of the node. */
  readonly node: string;
  /** Of what was applied: {@link contentHash}. */
  readonly hash: string;
}

/** A generation beyond that would leave no numbers for what is applied after it. */
const MOST = 0x7fff_ffff;

/** What two nodes must have the same of, so that one compiles to what the other did. */
export interface PolicyContent {
  readonly text: string;
  /** The name that positions carry. */
  readonly file: string;
  /** Addresses that names stood for. */
  readonly resolved: Readonly<Record<string, readonly string[]>>;
}

/** SHA-256, hexadecimal. */
export function contentHash({ text, file, resolved }: PolicyContent): string {
  const names = Object.entries(resolved).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([text, file, names]))
    .digest('hex');
}

/**
 * Greater than 0: `a` goes before `b`. By epoch, then generation; the names only decide between two that nobody
 * could have put in an order, and the hash between two of a node whose store was lost. `null`: no policy.
 */
export function compareOrigins(a: PolicyOrigin | null, b: PolicyOrigin | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return (
    a.epoch - b.epoch ||
    a.generation - b.generation ||
    compareTexts(b.node, a.node) ||
    compareTexts(a.hash, b.hash)
  );
}

/** Whether it can be believed at all. */
export function isOrigin({ epoch, generation, node, hash }: PolicyOrigin): boolean {
  const counts = [epoch, generation].every(Number.isSafeInteger);
  const inRange = epoch >= 0 && generation >= 1 && generation <= MOST;
  return counts && inRange && node !== '' && /^[0-9a-f]{64}$/.test(hash);
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/**
 * Numbers what is applied on one node: after everything that it has heard of, so that whoever applies knowing of
 * another policy goes before that.
 */
export class OriginClock {
  /** Name of this node. */
  readonly node: string;
  readonly #epoch: () => number;
  #seen: PolicyOrigin | null = null;
  #heard: PolicyOrigin | null = null;
  #generation = 0;

  /** @param epoch of roles, now */
  constructor(node: string, epoch: () => number) {
    this.node = node;
    this.#epoch = epoch;
  }

  /** The highest that the other node has told of. */
  get heard(): PolicyOrigin | null {
    return this.#heard;
  }

  /** The generation that the next apply has at least. */
  get least(): number {
    return this.#generation + 1;
  }

  /** The other node has it. */
  hear(origin: PolicyOrigin): void {
    if (compareOrigins(origin, this.#heard) > 0) this.#heard = origin;
    this.see(origin);
  }

  /** It is there: what is applied here from now on goes before it. */
  see(origin: PolicyOrigin): void {
    if (compareOrigins(origin, this.#seen) > 0) this.#seen = origin;
    this.#generation = Math.max(this.#generation, origin.generation);
  }

  /** Of what is applied here and now, as `generation`. */
  next(generation: number, content: PolicyContent): PolicyOrigin {
    const epoch = Math.max(this.#epoch(), this.#seen?.epoch ?? 0);
    return { epoch, generation, node: this.node, hash: contentHash(content) };
  }

  /** Of a record that may be from before there were origins. */
  of(record: PolicyContent & { generation: number; origin: PolicyOrigin | null }): PolicyOrigin {
    const { generation, origin } = record;
    return origin ?? { epoch: 0, generation, node: this.node, hash: contentHash(record) };
  }
}
