/** What the other node tells of what both are to have. */
import type { ClientReadableStream } from '@grpc/grpc-js';
import type { MembersMessage__Output } from '../../generated/proto/bridgewall/v1/MembersMessage.js';
import type { SharedClient } from '../../generated/proto/bridgewall/v1/Shared.js';
import type { SharedMessage__Output } from '../../generated/proto/bridgewall/v1/SharedMessage.js';
import { FORMAT } from './definition.js';
import type { MemberFollower, MembersThere } from './member-follower.js';
import { decodeChange, decodeDigests } from './member-messages.js';
import type { PolicyOrigin } from './origin.js';
import type { ReceivedPolicy } from './policy.js';
import type { PolicyFollower } from './policy-follower.js';
import { decodePolicy, decodeStanding } from './policy-messages.js';

const DEADLINE_MS = 20_000;

export interface SinkOptions {
  readonly policy: PolicyFollower;
  readonly members: MemberFollower;
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
    const { policy, members } = this.#options;
    const { life, number } = members.taken;
    const stream = client.Follow({ format: FORMAT, life, taken: number });
    this.#stream = stream;
    policy.begin((origin) => fetchPolicy(client, origin));
    members.begin(membersOf(client));
    stream.on('data', (message: SharedMessage__Output) => {
      if (stream === this.#stream) this.#take(message, stream);
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
    this.#options.members.leave();
  }

  #take(
    { policy, active, changes, told, life, gap }: SharedMessage__Output,
    stream: ClientReadableStream<SharedMessage__Output>,
  ): void {
    const { members } = this.#options;
    const number = told;
    const all = changes.flatMap((change) => decodeChange(change) ?? []);
    const taken = members.hear({ active, changes: all, told: { life, number }, gap });
    if (policy !== null) {
      this.#options.policy.hear(decodeStanding(policy));
      members.policyChanged();
    }
    if (all.length === 0) return;
    // No more than can be taken.
    stream.pause();
    taken.finally(() => stream.resume());
  }
}

/** The other node's groups, by calls. */
function membersOf(client: SharedClient): MembersThere {
  return {
    digests: () =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + DEADLINE_MS;
        client.MemberDigests({ format: FORMAT }, { deadline }, (error, response) => {
          if (error !== null || response === undefined) reject(error);
          else resolve(decodeDigests(response));
        });
      }),
    async *members(set) {
      const stream = client.Members({ format: FORMAT, set });
      try {
        for await (const { records } of stream as AsyncIterable<MembersMessage__Output>) {
          yield records;
        }
      } finally {
        stream.cancel();
      }
    },
  };
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
