/** A list that changes a dynamic group, piece by piece as it comes in, and what if it breaks off. */
import {
  addressAt,
  type BatchResult,
  batches,
  type Change,
  type PackedAddresses,
  type PackedMembers,
  type Replacement,
} from '../dataplane/index.js';
import { ServiceError, type SetLoad, type SetLoadResult } from '../service.js';

/** What a load needs of the service; what a group may hold is looked up for each piece. */
export interface LoadTarget {
  /** @throws ServiceError `not-found`: a policy may have come between two pieces */
  change(kind: Change, piece: PackedMembers, own: Replacement | null): Promise<BatchResult>;
  /** Null: it was no refusal. */
  refusal(result: BatchResult, address: Uint8Array): ServiceError | null;
  replace(): Promise<Replacement | null>;
  finish(replacement: Replacement): Promise<number>;
  abandon(replacement: Replacement): Promise<number>;
  members(): number;
}

/**
 * Runs a load to its end. What fails in the middle: of `add` and `remove` stays done what came
 * before, and the error tells how much; of `replace` goes again what it had added.
 * @throws ServiceError
 */
export async function runLoad(
  load: SetLoad,
  pieces: AsyncIterable<PackedMembers>,
  target: LoadTarget,
): Promise<SetLoadResult> {
  const replacement = load.mode === 'replace' ? await target.replace() : null;
  if (load.mode === 'replace' && replacement === null) {
    const why = 'another list is being put in the place of a set; one is at a time';
    throw new ServiceError('precondition', why);
  }
  const progress = new Progress(load, target, replacement);
  try {
    const refused = await progress.takeAll(pieces);
    if (refused !== null) return { ...progress.result(0), refused };
    const removed = replacement === null ? 0 : await target.finish(replacement);
    return progress.result(removed);
  } catch (error) {
    if (replacement !== null) await target.abandon(replacement);
    throw progress.withWhatStays(error);
  }
}

class Progress {
  readonly #load: SetLoad;
  readonly #target: LoadTarget;
  readonly #replacement: Replacement | null;
  readonly #kind: Change;
  #received = 0;
  #changed = 0;

  constructor(load: SetLoad, target: LoadTarget, replacement: Replacement | null) {
    this.#load = load;
    this.#target = target;
    this.#replacement = replacement;
    this.#kind = load.mode === 'replace' ? 'add' : load.mode;
  }

  /** What a check has refused, or null. */
  async takeAll(pieces: AsyncIterable<PackedMembers>): Promise<SetLoadResult['refused']> {
    for await (const piece of pieces) {
      for (const batch of batches(piece)) {
        const result = await this.#target.change(this.#kind, batch, this.#replacement);
        this.#changed += result.changed;
        this.#received += result.done;
        const refusal = this.#target.refusal(result, addressAt(batch, result.done));
        if (refusal === null) continue;
        if (this.#kind !== 'check') throw refusal;
        return { index: this.#received, why: refusal.message };
      }
    }
    const { count } = this.#load;
    if (count === null || count === this.#received) return null;
    const why = `${this.#received} addresses came where ${count} were announced`;
    throw new ServiceError('invalid', why);
  }

  result(removed: number): SetLoadResult {
    const isRemoval = this.#kind === 'remove';
    return {
      received: this.#received,
      added: isRemoval ? 0 : this.#changed,
      removed: isRemoval ? this.#changed : removed,
      members: this.#target.members(),
      refused: null,
    };
  }

  /** The error, and what it leaves behind. */
  withWhatStays(error: unknown): unknown {
    if (!(error instanceof ServiceError)) return error;
    const { mode } = this.#load;
    const done = mode === 'remove' ? 'removed' : 'added';
    const stays =
      mode === 'replace'
        ? 'nothing was replaced'
        : `${this.#changed} were ${done} before, and stay so`;
    return new ServiceError(error.code, `${error.message}; ${stays}`, error.position);
  }
}

/** One list as a single piece of 16 bytes each. */
export function packed(addresses: readonly Uint8Array[]): PackedAddresses {
  return { width: 16, bytes: Buffer.concat(addresses) };
}
