/** Connections of the pair: what this node tells its peer, what it was told, and how well that goes. */

import type { PeerChannel, SecureServer } from '../../sync/channel/index.js';
import {
  ChangeSink,
  ChangeSource,
  type Repair,
  replicationDefinition,
  type SinkRefusal,
} from '../../sync/replication/index.js';
import type { Cell } from '../dataplane/index.js';
import { type Dataplane, Replica } from '../dataplane/index.js';
import type { Alarm, SyncStatus } from '../service.js';
import type { EventSink } from './event-bus.js';
import { LastingFault } from './lasting-fault.js';
import type { SharedStatus } from './shared.js';

const TICK_MS = 100;
/** Later than that is an alarm, and this node is not fit to take over. */
const LATE_MS = 1000;
/** An alarm is told once this has lasted, and is over after as long without. */
const ALARM_MS = 800;
/** After a takeover a pass has judged all connections by then. */
const JUDGED_MS = 4000;
/** The peer is asked again twice a second: of the same refusal one event is enough for so long. */
const TELL_MS = 10_000;

export interface ReplicationDeps {
  readonly dataplane: Dataplane;
  readonly cell: Cell;
  readonly server: SecureServer;
  readonly peer: PeerChannel;
  readonly peerName: string;
  readonly events: EventSink;
  /** Has all connections judged again. */
  readonly rejudge: () => void;
  /** Has counted anew who holds how many of them. */
  readonly recount: () => void;
  readonly onError: (error: unknown) => void;
}

export class Replication {
  readonly #deps: ReplicationDeps;
  readonly #replica: Replica;
  readonly #source: ChangeSource;
  readonly #sink: ChangeSink;
  readonly #fault: LastingFault;
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #full = 0;
  #refused: { readonly last: SinkRefusal | null; readonly at: number } = { last: null, at: 0 };
  /** What was told has no rules, and so no host that it counts for, before it is judged here. */
  #recountAt = Number.POSITIVE_INFINITY;

  constructor(deps: ReplicationDeps) {
    this.#deps = deps;
    const { dataplane, server, peer, events, onError } = deps;
    this.#replica = new Replica(dataplane);
    this.#replica.replicate();
    this.#sink = new ChangeSink({
      table: this.#replica,
      onRefused: (reason, why) => this.#nothingTaken(reason, why),
      onRepaired: (repair) => this.#repaired(repair),
      onError,
    });
    this.#source = new ChangeSource({
      table: this.#replica,
      standing: () => ({
        applied: this.#sink.applied,
        lagMs: Math.round(this.#sink.lagMs),
        matches: this.#sink.matches,
      }),
      onError,
    });
    const service = replicationDefinition().Replication;
    server.add(service.service, { ...this.#source.handlers }, { peerOnly: true });
    peer.watch((state) => {
      if (state.up) this.#sink.follow(peer.client(service));
      else this.#sink.leave();
    }, this.#stopping.signal);
    this.#fault = new LastingFault(ALARM_MS, (why) => {
      const { peerName } = deps;
      if (why === null) events.emit('sync-recovered', { peer: peerName });
      else events.emit('sync-alarm', { peer: peerName, why });
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** This node would go on with every connection of the other one. */
  get ready(): boolean {
    return this.#sink.connected && this.#sink.matches && this.#sink.lagMs < LATE_MS;
  }

  get status(): Omit<SyncStatus, keyof SharedStatus> {
    const { peerName } = this.#deps;
    const { active } = this.#replica.role;
    const told = this.#sink.standing;
    const connected = this.#sink.connected;
    const last = this.#sink.lastRepair;
    return {
      peer: peerName,
      connected,
      // Whoever is told knows how late it is; whoever tells hears it from the other.
      lagMs: Math.round(active ? (told?.lagMs ?? 0) : this.#sink.lagMs),
      digestsMatch: active ? (told?.matches ?? false) : connected && this.#sink.matches,
      queue: this.#source.waiting,
      lost: this.#replica.lost,
      told: { ...this.#sink.counts },
      repair:
        last === null
          ? null
          : {
              added: last.added,
              dropped: last.dropped,
              bytes: last.bytes,
              ms: Math.round(last.ms),
            },
    };
  }

  get alarms(): Alarm[] {
    const fault = this.#fault.fault;
    if (fault === null) return [];
    return [{ kind: 'sync', message: `not replicated: ${fault.why}`, since: fault.since }];
  }

  /** Right before this node becomes active: connections that were the other one's go on here. */
  adopt(): void {
    this.#replica.adopt(this.#deps.cell, this.#sink.knownUntilMs);
    this.#deps.rejudge();
    this.#recountAt = performance.now() + JUDGED_MS;
  }

  close(): void {
    this.#stopping.abort();
    clearInterval(this.#timer);
    this.#sink.leave();
    this.#source.close();
  }

  #tick(): void {
    this.#sink.tick();
    if (performance.now() >= this.#recountAt) {
      this.#recountAt = Number.POSITIVE_INFINITY;
      this.#deps.recount();
    }
    this.#fault.look(this.#wrong());
    const { full } = this.#sink.counts;
    if (full > this.#full) {
      this.#deps.events.emit('sync-full', { peer: this.#deps.peerName, count: full - this.#full });
      this.#full = full;
    }
  }

  /** What is wrong between the nodes, in words; null: nothing. */
  #wrong(): string | null {
    const { lagMs, digestsMatch } = this.status;
    if (!this.#sink.connected) return 'nothing is heard of the other node';
    if (lagMs >= LATE_MS) return `connections are told ${Math.round(lagMs / 1000)} s late`;
    const one = this.#replica.role.active !== (this.#sink.standing?.active ?? false);
    return digestsMatch || !one ? null : 'the tables of connections differ';
  }

  #nothingTaken(reason: SinkRefusal, why: string): void {
    const now = performance.now();
    const { last, at } = this.#refused;
    if (reason === last && now - at < TELL_MS) return;
    this.#refused = { last: reason, at: now };
    this.#deps.events.emit('sync-refused', { peer: this.#deps.peerName, reason, why });
  }

  #repaired({ added, dropped, bytes, ms, differing }: Repair): void {
    const { events, peerName } = this.#deps;
    const fields = { peer: peerName, added, dropped, bytes, ms: Math.round(ms) };
    events.emit('sync-repaired', { ...fields, whole: differing === 0 });
  }
}
