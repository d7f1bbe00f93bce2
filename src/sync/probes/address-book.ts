/** MACs that the other node has learned: what the neighbours are told when this one takes over. */
import { type Client, status } from '@grpc/grpc-js';
import type { AddressesResponse__Output } from '../../generated/proto/bridgewall/v1/AddressesResponse.js';
import type { PairingHandlers } from '../../generated/proto/bridgewall/v1/Pairing.js';
import type { PeerChannel } from '../channel/index.js';
import { pairingDefinition } from './agreement.js';

const ASK_MS = 300;
/** ... and what it tells is no older. */
const OLDEST_MS = 2000;
/** The share of its time that a node walks its table for the other one: one part in so many. */
const WALK_SHARE = 50;

const NOT_ACTIVE = { code: status.UNAVAILABLE, details: 'this node is not active' };

export interface AddressBookOptions {
  readonly channel: Pick<PeerChannel, 'watch' | 'client'>;
  /** Is anything to be asked for now? */
  readonly wanted: () => boolean;
  /** What this node has learned, packed. */
  readonly own: () => Uint8Array;
  /** What the other node knows, packed, after each answer. */
  readonly onAnswer: (theirs: Uint8Array) => void;
}

export class AddressBook {
  readonly #options: AddressBookOptions;
  readonly #stopping = new AbortController();
  #client: AddressClient | null = null;
  #timer: NodeJS.Timeout | undefined;
  #packed: Buffer = Buffer.alloc(0);
  #packAt = Number.NEGATIVE_INFINITY;

  constructor(options: AddressBookOptions) {
    this.#options = options;
    options.channel.watch((state) => {
      clearTimeout(this.#timer);
      this.#client = state.up ? options.channel.client(pairingDefinition().Pairing) : null;
      if (state.up) this.#ask();
    }, this.#stopping.signal);
  }

  get handlers(): Pick<PairingHandlers, 'Addresses'> {
    return {
      Addresses: (_, reply) => {
        // What this one was taught itself would never age between two of them.
        if (this.#options.wanted()) reply(NOT_ACTIVE);
        else reply(null, { addresses: this.#ours() });
      },
    };
  }

  /** What was packed lately, if that took long. */
  #ours(): Buffer {
    const began = performance.now();
    if (began >= this.#packAt) {
      this.#packed = Buffer.from(this.#options.own());
      const now = performance.now();
      this.#packAt = now + Math.min((now - began) * WALK_SHARE, OLDEST_MS);
    }
    return this.#packed;
  }

  close(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    this.#client = null;
  }

  /** What cannot be had now is asked for again soon. */
  #ask(): void {
    const client = this.#client;
    if (client === null) return;
    this.#timer = setTimeout(() => this.#ask(), ASK_MS);
    this.#timer.unref();
    if (!this.#options.wanted()) return;
    client.Addresses({}, { deadline: Date.now() + ASK_MS }, (error, response) => {
      if (error === null && response !== undefined && this.#options.wanted()) {
        this.#options.onAnswer(response.addresses);
      }
    });
  }
}

interface AddressClient extends Client {
  Addresses(
    request: object,
    options: { deadline: number },
    done: (error: Error | null, response?: AddressesResponse__Output) => void,
  ): unknown;
}
