/** What both nodes of a pair are to have besides connections: the policy, members of groups. */
import type { PeerChannel, SecureServer } from '../../sync/channel/index.js';
import {
  MemberFollower,
  PolicyFollower,
  type SharedSets,
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
export type SharedStatus = Pick<SyncStatus, 'policyMatches' | 'policyPending' | 'setsMatch'>;

export interface SharedDeps {
  readonly policies: Policies;
  readonly sets: SharedSets;
  /** The packets of this node pass. */
  readonly active: () => boolean;
  readonly server: SecureServer;
  readonly peer: PeerChannel;
  readonly ownName: string;
  readonly peerName: string;
  readonly events: EventSink;
  readonly onError: (error: unknown) => void;
}

export class Shared {
  readonly #policy: PolicyFollower;
  readonly #members: MemberFollower;
  readonly #sink: SharedSink;
  readonly #source: SharedSource;
  readonly #fault: LastingFault;
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: SharedDeps) {
    const { policies, sets, active, server, peer, ownName, peerName, events, onError } = deps;
    this.#policy = new PolicyFollower({
      ...{ policies, peer: peerName },
      onRefused: ({ origin: { generation }, why }) =>
        events.emit('policy-refused', { peer: peerName, generation, why }),
      onChange: () => this.#source.tell(),
    });
    this.#members = new MemberFollower({
      ...{ sets, active, own: ownName, peer: peerName, onError },
      done: () => this.#source.done,
    });
    this.#sink = new SharedSink({ policy: this.#policy, members: this.#members });
    this.#source = new SharedSource({
      ...{ policies, sets, active, onError },
      refused: () => this.#policy.refused,
      taken: () => this.#members.taken,
      complete: () => this.#members.complete,
    });
    policies.watch(() => this.#members.policyChanged(), this.#stopping.signal);
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

  /** This node would go on with a policy, if there is one, and with all members of its groups. */
  get ready(): boolean {
    return !this.#policy.lacking && this.#members.complete;
  }

  get status(): SharedStatus {
    const { pending } = this.#policy;
    const policyPending = pending?.why ?? '';
    return { policyMatches: pending === null, policyPending, setsMatch: this.#members.match };
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
    await this.#members.close();
  }

  #tick(): void {
    this.#source.tick();
    this.#policy.look();
    this.#members.look();
    const { pending } = this.#policy;
    // Somebody tries a policy, or the other node is gone: that is told elsewhere.
    this.#fault.look(pending === null || pending.expected ? null : pending.why);
  }
}
