/** What this node tells the other one of what both are to have. */
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { FollowRequest__Output } from '../../generated/proto/bridgewall/v1/FollowRequest.js';
import type { PolicyStanding } from '../../generated/proto/bridgewall/v1/PolicyStanding.js';
import type { SharedHandlers } from '../../generated/proto/bridgewall/v1/Shared.js';
import type { SharedMessage } from '../../generated/proto/bridgewall/v1/SharedMessage.js';
import { FORMAT } from './definition.js';
import { compareOrigins } from './origin.js';
import type { SharedPolicies } from './policy.js';
import { decodeOrigin, encodePolicy, type Refusal } from './policy-messages.js';

type FollowCall = ServerWritableStream<FollowRequest__Output, SharedMessage>;

export interface SourceOptions {
  readonly policies: SharedPolicies;
  /** The policy of the other node that could not be installed here. */
  readonly refused: () => Refusal | null;
}

/** Serves one peer; a second call takes the place of the first. */
export class SharedSource {
  readonly #options: SourceOptions;
  readonly #stopping = new AbortController();
  #call: FollowCall | null = null;
  #blocked = false;
  /** There is something newer than what was told. */
  #due = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    options.policies.watch(() => this.tell(), this.#stopping.signal);
  }

  get handlers(): SharedHandlers {
    return {
      Follow: (call) => this.#follow(call),
      FetchPolicy: ({ request }, reply) => {
        const wrong = unknownFormat(request.format);
        const { shared } = this.#options.policies;
        const asked = decodeOrigin(request.origin);
        if (wrong !== undefined) reply(wrong);
        else if (shared === null || compareOrigins(shared.origin, asked) !== 0) {
          reply({ code: status.NOT_FOUND, details: 'another policy has come' });
        } else reply(null, encodePolicy(shared));
      },
    };
  }

  /** Something has changed. */
  tell(): void {
    this.#due = true;
    if (this.#call === null || this.#blocked || !this.#call.writable) return;
    this.#due = false;
    this.#write({ policy: this.#standing() });
  }

  close(): void {
    this.#stopping.abort();
    this.#call?.end();
    this.#call = null;
  }

  #follow(call: FollowCall): void {
    const wrong = unknownFormat(call.request.format);
    if (wrong !== undefined) {
      call.emit('error', wrong);
      return;
    }
    this.#call?.end();
    this.#call = call;
    this.#blocked = false;
    const gone = () => {
      if (this.#call === call) this.#call = null;
    };
    for (const end of ['cancelled', 'error', 'close']) call.on(end, gone);
    this.tell();
  }

  #write(message: SharedMessage): void {
    const call = this.#call!;
    if (call.write(message)) return;
    this.#blocked = true;
    call.once('drain', () => {
      if (this.#call !== call) return;
      this.#blocked = false;
      if (this.#due) this.tell();
    });
  }

  #standing(): PolicyStanding {
    const { policies, refused } = this.#options;
    const { shared } = policies;
    return {
      ...(shared && {
        origin: shared.origin,
        generation: shared.generation,
        digest: shared.digest,
      }),
      trial: policies.confirmation !== null,
      refused: refused(),
    };
  }
}

function unknownFormat(format: number): { code: status; details: string } | undefined {
  if (format === FORMAT) return undefined;
  return {
    code: status.FAILED_PRECONDITION,
    details: `format ${format}: this node speaks ${FORMAT}`,
  };
}
