/** The talk in which two nodes come to a key, see pairing.proto. */
import { randomBytes } from 'node:crypto';
import { type Client, status } from '@grpc/grpc-js';
import type { AgreeKeyResponse__Output } from '../../generated/proto/bridgewall/v1/AgreeKeyResponse.js';
import type { PairingHandlers } from '../../generated/proto/bridgewall/v1/Pairing.js';
import type { ProtoGrpcType } from '../../generated/proto/pairing.js';
import { loadProto } from '../channel/definition.js';
import type { PeerChannel } from '../channel/index.js';
import { agreedKey, CONTRIBUTION_BYTES, nextSlot, type PairKeys, withKey } from './keys.js';

const CALL_MS = 4000;
/** By then the caller has the answer, or never gets it. */
const SIGN_AFTER_MS = 1000;
const FORGET_AFTER_MS = 5000;

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

/** Agrees anew whenever there is a connection. */
export class Agreement {
  readonly #options: AgreementOptions;
  readonly #calls: boolean;
  readonly #stopping = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  #keys: PairKeys;
  /** One change after the other. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(options: AgreementOptions) {
    this.#options = options;
    this.#keys = options.keys;
    const { node, peer, channel } = options;
    this.#calls = node.toLowerCase() > peer.toLowerCase();
    if (!this.#calls) return;
    channel.watch((state) => {
      if (state.up) void this.#agree().catch(options.onError);
    }, this.#stopping.signal);
  }

  get handlers(): Pick<PairingHandlers, 'AgreeKey'> {
    return {
      AgreeKey: ({ request }, reply) => {
        const theirs = request.contribution;
        if (this.#calls || theirs.length !== CONTRIBUTION_BYTES) {
          const details = this.#calls ? 'this node calls, and is not called' : 'expected 32 bytes';
          return reply({ code: status.INVALID_ARGUMENT, details });
        }
        this.#answer(theirs).then(
          (response) => reply(null, response),
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
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #answer(theirs: Uint8Array): Promise<{ contribution: Buffer; number: number }> {
    const { node, peer } = this.#options;
    const contribution = randomBytes(CONTRIBUTION_BYTES);
    const key = agreedKey({ caller: theirs, callee: contribution }, peer, node);
    const number = await this.#change((keys) => {
      const slot = nextSlot(keys);
      const first = keys.slots.every((one) => one === null);
      return { ...withKey(keys, slot, key), sign: first ? slot : keys.sign };
    }, nextSlot);
    this.#later(SIGN_AFTER_MS, (keys) => ({ ...keys, sign: number }));
    this.#later(FORGET_AFTER_MS, (keys) => withKey(keys, 1 - number, null));
    return { contribution, number };
  }

  async #agree(): Promise<void> {
    const { node, peer, channel } = this.#options;
    const contribution = randomBytes(CONTRIBUTION_BYTES);
    const client = channel.client(pairingDefinition().Pairing);
    const { contribution: theirs, number } = await call(client, contribution);
    if (theirs.length !== CONTRIBUTION_BYTES || number > 1) {
      throw new Error('the other node answered with no key');
    }
    const key = agreedKey({ caller: contribution, callee: theirs }, node, peer);
    await this.#change(
      (keys) => ({ ...withKey(keys, number, key), sign: number }),
      () => number,
    );
    this.#later(FORGET_AFTER_MS, (keys) => withKey(keys, 1 - number, null));
  }

  #later(ms: number, change: (keys: PairKeys) => PairKeys): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#change(change, () => undefined).catch(this.#options.onError);
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  /** @param read what is to be known of the keys before the change */
  #change<T>(change: (keys: PairKeys) => PairKeys, read: (keys: PairKeys) => T): Promise<T> {
    const done = this.#changes.then(async () => {
      const before = read(this.#keys);
      const next = change(this.#keys);
      await this.#options.keep(next);
      this.#keys = next;
      return before;
    });
    this.#changes = done.catch(() => {});
    return done;
  }
}

interface PairingClient extends Client {
  AgreeKey(
    request: { contribution: Buffer },
    options: { deadline: number },
    done: (error: Error | null, response?: AgreeKeyResponse__Output) => void,
  ): unknown;
}

function call(client: PairingClient, contribution: Buffer): Promise<AgreeKeyResponse__Output> {
  return new Promise((resolve, reject) => {
    client.AgreeKey({ contribution }, { deadline: Date.now() + CALL_MS }, (error, response) => {
      if (error !== null || response === undefined) reject(error ?? new Error('no answer'));
      else resolve(response);
    });
  });
}
