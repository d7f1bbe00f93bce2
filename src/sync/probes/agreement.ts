/** The talk in which two nodes come to a key, see pairing.proto. */
import { randomBytes } from 'node:crypto';
import { type Client, type ServiceError, status } from '@grpc/grpc-js';
import type { AgreeKeyRequest__Output } from '../../generated/proto/bridgewall/v1/AgreeKeyRequest.js';
import type { AgreeKeyResponse__Output } from '../../generated/proto/bridgewall/v1/AgreeKeyResponse.js';
import type { PairingHandlers } from '../../generated/proto/bridgewall/v1/Pairing.js';
import type { ProtoGrpcType } from '../../generated/proto/pairing.js';
import { loadProto } from '../channel/definition.js';
import type { PeerChannel } from '../channel/index.js';
import {
  agreedKey,
  CONTRIBUTION_BYTES,
  commonSlot,
  heldKeys,
  keyMark,
  type PairKeys,
  withKey,
  withoutKey,
} from './keys.js';

const CALL_MS = 4000;
/** By then nothing is under way any more that was signed with the key before. */
const FORGET_AFTER_MS = 5000;
/** After a talk that came to nothing, on a connection that is still there. */
const AGAIN_MS = 5000;

export interface AgreementOptions {
  readonly node: string;
  readonly peer: string;
  readonly channel: Pick<PeerChannel, 'watch' | 'client'>;
  readonly keys: PairKeys;
  /** Keeps the keys on disk; then they count. What it throws leaves the keys as they were. */
  readonly keep: (keys: PairKeys) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export function pairingDefinition(): ProtoGrpcType['bridgewall']['v1'] {
  return loadProto<ProtoGrpcType>('bridgewall/v1/pairing.proto').bridgewall.v1;
}

/**
 * Agrees anew whenever there is a connection. At every moment each node takes the key that the other one signs
 * with: nobody signs with a key before the other is known to have it, or forgets one before the other is known to
 * sign with the next.
 */
export class Agreement {
  readonly #options: AgreementOptions;
  readonly #calls: boolean;
  readonly #stopping = new AbortController();
  #up = false;
  #timer: NodeJS.Timeout | undefined;
  #keys: PairKeys;
  /** The key that the caller is to confirm, by number. */
  #given: { readonly slot: number; readonly mark: Buffer } | null = null;
  /** One talk, or change, after the other. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: AgreementOptions) {
    this.#options = options;
    this.#keys = options.keys;
    const { node, peer, channel } = options;
    this.#calls = node.toLowerCase() > peer.toLowerCase();
    if (!this.#calls) return;
    channel.watch(({ up }) => {
      this.#up = up;
      if (up) this.#talk();
    }, this.#stopping.signal);
  }

  get handlers(): Pick<PairingHandlers, 'AgreeKey' | 'ConfirmKey'> {
    return {
      AgreeKey: (call, reply) => {
        const { request } = call;
        if (this.#calls || request.contribution.length !== CONTRIBUTION_BYTES) {
          const details = this.#calls ? 'this node calls, and is not called' : 'expected 32 bytes';
          return reply({ code: status.INVALID_ARGUMENT, details });
        }
        this.#next(() => this.#answer(request, call)).then(
          (response) => reply(null, response),
          (error: unknown) => {
            this.#options.onError(error);
            reply({ code: status.UNAVAILABLE, details: 'the key cannot be kept' });
          },
        );
      },
      ConfirmKey: ({ request }, reply) => {
        this.#next(() => this.#confirmed(request.mark)).then(
          (known) => {
            const details = 'another key was agreed on';
            if (known) reply(null, {});
            else reply({ code: status.FAILED_PRECONDITION, details });
          },
          (error: unknown) => {
            this.#options.onError(error);
            reply({ code: status.UNAVAILABLE, details: 'the key cannot be kept' });
          },
        );
      },
    };
  }

  close(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  async #answer(
    { contribution: theirs, ...held }: AgreeKeyRequest__Output,
    call: { readonly cancelled: boolean },
  ): Promise<{ contribution: Buffer; number: number }> {
    // Whoever has given up may say something else by now.
    if (call.cancelled) throw new Error('the other node did not wait');
    clearTimeout(this.#timer);
    const { node, peer } = this.#options;
    const contribution = randomBytes(CONTRIBUTION_BYTES);
    const key = agreedKey({ caller: theirs, callee: contribution }, peer, node);
    const common = commonSlot(this.#keys, held);
    const number = common === null ? 0 : 1 - common;
    this.#given = null;
    await this.#change(
      common === null
        ? { slots: [key, null], sign: 0 }
        : { ...withKey(this.#keys, number, key), sign: common },
    );
    this.#given = { slot: number, mark: keyMark(key) };
    return { contribution, number };
  }

  async #confirmed(mark: Uint8Array): Promise<boolean> {
    const given = this.#given;
    if (given === null || !given.mark.equals(mark)) return false;
    await this.#change({ ...this.#keys, sign: given.slot });
    this.#forgetLater(1 - given.slot);
    return true;
  }

  #talk(): void {
    this.#next(() => this.#agree()).catch((error) => {
      this.#options.onError(error);
      if (this.#up) this.#later(AGAIN_MS, () => this.#talk());
    });
  }

  async #agree(): Promise<void> {
    clearTimeout(this.#timer);
    const { node, peer, channel } = this.#options;
    const contribution = randomBytes(CONTRIBUTION_BYTES);
    const client: PairingClient = channel.client(pairingDefinition().Pairing);
    const { contribution: theirs, number } = await asked<AgreeKeyResponse__Output>((done) =>
      client.AgreeKey({ contribution, ...heldKeys(this.#keys) }, deadline(), done),
    );
    if (theirs.length !== CONTRIBUTION_BYTES || number > 1) {
      throw new Error('the other node answered with no key');
    }
    const key = agreedKey({ caller: contribution, callee: theirs }, node, peer);
    await this.#change({ ...withKey(this.#keys, number, key), sign: number });
    await asked((done) => client.ConfirmKey({ mark: keyMark(key) }, deadline(), done));
    this.#forgetLater(1 - number);
  }

  #forgetLater(slot: number): void {
    const key = this.#keys.slots[slot];
    if (!key) return;
    this.#later(FORGET_AFTER_MS, () => {
      this.#next(async () => {
        const next = withoutKey(this.#keys, slot, key);
        if (next !== this.#keys) await this.#change(next);
      }).catch(this.#options.onError);
    });
  }

  /** There is one thing to be done later, at most. */
  #later(ms: number, work: () => void): void {
    clearTimeout(this.#timer);
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(work, ms);
    this.#timer.unref();
  }

  /** To be called from within `#next` alone. */
  async #change(next: PairKeys): Promise<void> {
    await this.#options.keep(next);
    this.#keys = next;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(() => {
      if (this.#stopping.signal.aborted) throw new Error('this node agrees on no key any more');
      return work();
    });
    this.#work = done.catch(() => {});
    return done;
  }
}

type Done<T> = (error: ServiceError | null, response?: T) => void;

interface PairingClient extends Client {
  AgreeKey(
    request: { contribution: Buffer; held: Buffer[]; sign: number },
    options: { deadline: number },
    done: Done<AgreeKeyResponse__Output>,
  ): unknown;
  ConfirmKey(request: { mark: Buffer }, options: { deadline: number }, done: Done<object>): unknown;
}

function deadline(): { deadline: number } {
  return { deadline: Date.now() + CALL_MS };
}

function asked<T>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error !== null || response === undefined) reject(error ?? new Error('no answer'));
      else resolve(response);
    });
  });
}
