/** What the other node tells of what both are to have. */
import type { ClientReadableStream } from '@grpc/grpc-js';
import type { SharedClient } from '../../generated/proto/bridgewall/v1/Shared.js';
import type { SharedMessage__Output } from '../../generated/proto/bridgewall/v1/SharedMessage.js';
import { FORMAT } from './definition.js';
import type { PolicyOrigin } from './origin.js';
import type { ReceivedPolicy } from './policy.js';
import type { PolicyFollower } from './policy-follower.js';
import { decodePolicy, decodeStanding } from './policy-messages.js';

const DEADLINE_MS = 20_000;

export interface SinkOptions {
  readonly policy: PolicyFollower;
}

/** Follows one peer, on one connection after the other. */
export class SharedSink {
  readonly #options: SinkOptions;
  #stream: ClientReadableStream<SharedMessage__Output> | null = null;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  /** Begins to follow. */
  follow(client: SharedClient): void {
    this.leave();
    const { policy } = this.#options;
    const stream = client.Follow({ format: FORMAT });
    this.#stream = stream;
    policy.begin((origin) => fetchPolicy(client, origin));
    stream.on('data', (message: SharedMessage__Output) => {
      if (stream === this.#stream) this.#take(message);
    });
    const gone = () => {
      if (stream === this.#stream) this.leave();
    };
    stream.on('error', gone);
    stream.on('end', gone);
  }

  /** Follows nobody; what is known stays. */
  leave(): void {
    this.#stream?.cancel();
    this.#stream = null;
    this.#options.policy.leave();
  }

  #take({ policy }: SharedMessage__Output): void {
    if (policy !== null) this.#options.policy.hear(decodeStanding(policy));
  }
}

function fetchPolicy(client: SharedClient, origin: PolicyOrigin): Promise<ReceivedPolicy> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + DEADLINE_MS;
    client.FetchPolicy({ format: FORMAT, origin }, { deadline }, (error, response) => {
      if (error !== null || response === undefined) return reject(error);
      try {
        resolve(decodePolicy(response, origin));
      } catch (wrong) {
        reject(wrong);
      }
    });
  });
}
