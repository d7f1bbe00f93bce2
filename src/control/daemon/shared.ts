/** What both nodes of a pair are to have besides connections: the policy. */
import type { PeerChannel, SecureServer } from '../../sync/channel/index.js';
import {
  PolicyFollower,
  SharedSink,
  SharedSource,
  sharedDefinition,
} from '../../sync/shared/index.js';
import type { Alarm, SyncStatus } from '../service.js';
import type { EventSink } from './event-bus.js';
import { LastingFault } from './lasting-fault.js';
import type { Policies } from './policies.js';

const TICK_MS = 500;
/** A difference is told once it has lasted, and is over after as long without. */
const PATIENCE_MS = 3000;

/** What of the status of a pair comes from here. */
export type SharedStatus = Pick<SyncStatus, 'policyMatches' | 'policyPending'>;

export interface SharedDeps {
  readonly policies: Policies;
  readonly server: SecureServer;
  readonly peer: PeerChannel;
  readonly peerName: string;
  readonly events: EventSink;
}

export class Shared {
  readonly #policy: PolicyFollower;
  readonly #sink: SharedSink;
  readonly #source: SharedSource;
  readonly #fault: LastingFault;
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor({ policies, server, peer, peerName, events }: SharedDeps) {
    this.#policy = new PolicyFollower({
      ...{ policies, peer: peerName },
      onRefused: ({ origin: { generation }, why }) =>
        events.emit('policy-refused', { peer: peerName, generation, why }),
      onChange: () => this.#source.tell(),
    });
    this.#sink = new SharedSink({ policy: this.#policy });
    this.#source = new SharedSource({ policies, refused: () => this.#policy.refused });
    const service = sharedDefinition().Shared;
    server.add(service.service, { ...this.#source.handlers }, { peerOnly: true });
    peer.watch((state) => {
      if (state.up) this.#sink.follow(peer.client(service));
      else this.#sink.leave();
    }, this.#stopping.signal);
    this.#fault = new LastingFault(PATIENCE_MS, (why) => {
      if (why === null) events.emit('policy-agreed', { peer: peerName });
      else events.emit('policy-differs', { peer: peerName, why });
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  get status(): SharedStatus {
    const { pending } = this.#policy;
    return { policyMatches: pending === null, policyPending: pending?.why ?? '' };
  }

  get alarms(): Alarm[] {
    const { fault } = this.#fault;
    return fault === null ? [] : [{ kind: 'policy', message: fault.why, since: fault.since }];
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#timer);
    this.#sink.leave();
    this.#source.close();
    await this.#policy.close();
  }

  #tick(): void {
    this.#policy.look();
    const { pending } = this.#policy;
    // Somebody tries a policy, or the other node is gone: that is told elsewhere.
    this.#fault.look(pending === null || pending.expected ? null : pending.why);
  }
}
