/** What this node tells the other one of what both are to have. */
import { randomUUID } from 'node:crypto';
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { FollowRequest__Output } from '../../generated/proto/bridgewall/v1/FollowRequest.js';
import type { MembersMessage } from '../../generated/proto/bridgewall/v1/MembersMessage.js';
import type { MembersRequest__Output } from '../../generated/proto/bridgewall/v1/MembersRequest.js';
import type { PolicyStanding } from '../../generated/proto/bridgewall/v1/PolicyStanding.js';
import type { SharedHandlers } from '../../generated/proto/bridgewall/v1/Shared.js';
import type { SharedMessage } from '../../generated/proto/bridgewall/v1/SharedMessage.js';
import { drained, unknownFormat } from '../channel/calls.js';
import { FORMAT } from './definition.js';
import { MemberJournal } from './member-journal.js';
import { encodeChange, encodeDigests } from './member-messages.js';
import { compareOrigins } from './origin.js';
import type { SharedPolicies } from './policy.js';
import { decodeOrigin, encodePolicy, type Refusal } from './policy-messages.js';
import type { SharedSets } from './sets.js';

/** Bytes of members in one message. */
const MESSAGE_BYTES = 256 << 10;

type FollowCall = ServerWritableStream<FollowRequest__Output, SharedMessage>;

export interface SourceOptions {
  readonly policies: SharedPolicies;
  /** The policy of the other node that could not be installed here. */
  readonly refused: () => Refusal | null;
  readonly sets: SharedSets;
  /** The packets of this node pass. */
  readonly active: () => boolean;
  /** What was taken last of what the other node did to members. */
  readonly taken: () => { readonly life: string; readonly number: number };
  /** This node has had the members of the other one. */
  readonly complete: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** Serves one peer; a second call takes the place of the first. */
export class SharedSource {
  readonly #options: SourceOptions;
  readonly #stopping = new AbortController();
  readonly #journal = new MemberJournal();
  /** Of the daemon: numbers of changes count anew with each. */
  readonly #life = randomUUID();
  /** The last change that was told, and whether some before it were not. */
  #told = 0;
  #gap = false;
  #active = false;
  #call: FollowCall | null = null;
  #blocked = false;
  /** There is something newer than what was told. */
  #due = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    const { signal } = this.#stopping;
    options.policies.watch(() => this.tell(), signal);
    options.sets.watch((change) => {
      if (change.kind === 'replaced' && !options.complete() && !options.active()) {
        // The other node would ask for all of it, and may have had more: it is compared instead.
        const lost = `members of ${change.set} were replaced before those of the other node were here`;
        options.onError(new Error(`${lost}: where they differ, its members count`));
        return;
      }
      this.#journal.add(change);
      this.#flush();
    }, signal);
  }

  /** The last change that was done here. */
  get done(): { readonly life: string; readonly number: number } {
    return { life: this.#life, number: this.#journal.last };
  }

  get handlers(): SharedHandlers {
    return {
      Follow: (call) => this.#follow(call),
      FetchPolicy: ({ request }, reply) => {
        const wrong = unknownFormat(request.format, FORMAT);
        const { shared } = this.#options.policies;
        const asked = decodeOrigin(request.origin);
        if (wrong !== undefined) reply(wrong);
        else if (shared === null || compareOrigins(shared.origin, asked) !== 0) {
          reply({ code: status.NOT_FOUND, details: 'another policy has come' });
        } else reply(null, encodePolicy(shared));
      },
      MemberDigests: ({ request }, reply) => {
        const wrong = unknownFormat(request.format, FORMAT);
        if (wrong !== undefined) return reply(wrong);
        const { sets, taken } = this.#options;
        const marks = { told: this.done, taken: taken() };
        sets.digests().then((digests) => reply(null, encodeDigests(digests, marks)), reply);
      },
      Members: (call) => {
        this.#members(call).catch((error) => call.emit('error', error));
      },
    };
  }

  /** Something has changed. */
  tell(): void {
    this.#due = true;
    this.#flush();
  }

  /** Now and then: a node that has become active says so. */
  tick(): void {
    if (this.#options.active() !== this.#active) this.tell();
  }

  close(): void {
    this.#stopping.abort();
    this.#call?.end();
    this.#call = null;
  }

  #follow(call: FollowCall): void {
    const wrong = unknownFormat(call.request.format, FORMAT);
    if (wrong !== undefined) {
      call.emit('error', wrong);
      return;
    }
    this.#call?.end();
    this.#call = call;
    this.#blocked = false;
    const { life, taken } = call.request;
    const known = life === this.#life && this.#journal.reaches(taken);
    this.#told = known ? taken : this.#journal.last;
    this.#gap = !known;
    const gone = () => {
      if (this.#call === call) this.#call = null;
    };
    for (const end of ['cancelled', 'error', 'close']) call.on(end, gone);
    this.tell();
  }

  #flush(): void {
    for (;;) {
      const call = this.#call;
      if (call === null || this.#blocked || !call.writable) return;
      if (!this.#due && !this.#gap && this.#told === this.#journal.last) return;
      if (call.write(this.#next())) continue;
      this.#blocked = true;
      call.once('drain', () => {
        if (this.#call !== call) return;
        this.#blocked = false;
        this.#flush();
      });
    }
  }

  #next(): SharedMessage {
    const { changes, last, gap } = this.#journal.after(this.#told, MESSAGE_BYTES);
    this.#active = this.#options.active();
    const message = {
      ...(this.#due && { policy: this.#standing() }),
      ...{ active: this.#active, life: this.#life, gap: this.#gap || gap, told: last },
      changes: changes.map(encodeChange),
    };
    this.#told = last;
    this.#due = false;
    this.#gap = false;
    return message;
  }

  async #members(
    call: ServerWritableStream<MembersRequest__Output, MembersMessage>,
  ): Promise<void> {
    const wrong = unknownFormat(call.request.format, FORMAT);
    if (wrong !== undefined) throw wrong;
    let dump: AsyncIterable<Uint8Array>;
    try {
      dump = this.#options.sets.dump(call.request.set);
    } catch {
      throw { code: status.NOT_FOUND, details: 'there is no such group' };
    }
    for await (const records of dump) {
      if (call.cancelled || call.destroyed) return;
      if (!call.write({ records: Buffer.from(records) })) await drained(call);
    }
    call.end();
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
