/** What the other node tells of its connections, and how well it is known. */
import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import type { ChangesMessage__Output } from '../../generated/proto/bridgewall/v1/ChangesMessage.js';
import type { ReplicationClient } from '../../generated/proto/bridgewall/v1/Replication.js';
import type { Standing__Output } from '../../generated/proto/bridgewall/v1/Standing.js';
import { Lateness } from './lateness.js';
import { type Repair, repair } from './repair.js';
import { DATED_LATE_MS, FORMAT } from './source.js';
import {
  type ConnectionTable,
  GarbledError,
  RECORD_KINDS,
  ReplayedError,
  type Taken,
} from './table.js';
import { toldBy } from './told.js';

/** Between two comparisons when nothing is known to be wrong. */
const COMPARE_MS = 10_000;
/** After one that did not go well. */
const AGAIN_MS = 500;
/** What a node that does not say how far it has told has told by then. */
const SETTLE_MS = 100;
/** Times of birth that are apart by less are the same. */
const APART_MS = 1000;
/** What was told that long ago tells nothing of where a connection is now. */
const FRESH_MS = 8000;
/** Nothing came for so long: nothing is known of how late it is. */
const SILENT_MS = 700;

/** What became of everything that was told. */
export type SinkCounts = Record<keyof Taken | 'bytes', number>;

/** Why nothing was taken of what the other node said. */
export type SinkRefusal = 'garbled' | 'replayed' | 'format';

export interface SinkOptions {
  readonly table: ConnectionTable;
  /** The stream was given up for it; it is asked for again. */
  readonly onRefused: (reason: SinkRefusal, why: string) => void;
  readonly onRepaired: (repair: Repair) => void;
  readonly onError: (error: unknown) => void;
}

/** Follows one peer, on one connection after the other. */
export class ChangeSink {
  readonly #options: SinkOptions;
  readonly #counts: SinkCounts = {
    ...{ added: 0, moved: 0, ended: 0, stale: 0, full: 0, bad: 0, bytes: 0 },
  };
  #stream: ClientReadableStream<ChangesMessage__Output> | null = null;
  #client: ReplicationClient | null = null;
  #lateness = new Lateness();
  #standing: Standing__Output | null = null;
  #heard = Number.NEGATIVE_INFINITY;
  #lag = 0;
  #applied = 0;
  /** Something was missed: what differs is not for lack of time. */
  #gap = true;
  /** The last comparison found differences, and could not mend all. */
  #differs = false;
  #matches = false;
  #compared = Number.NEGATIVE_INFINITY;
  #knownUntil = 0;
  #repairing = false;
  #last: Repair | null = null;
  /** Which connection a comparison is about. */
  #session = 0;
  /** Of that connection, for a comparison. */
  #calls = new AbortController();
  #endedAt = 0;
  /** When the last message was sent, by the other node's clock, and who waits for a later one. */
  #sentMs = 0;
  #waiting: { readonly toldMs: number; go(error?: Error): void } | null = null;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  /** Of the peer; null: it was not heard lately. */
  get standing(): Standing__Output | null {
    return this.connected ? this.#standing : null;
  }

  get connected(): boolean {
    return this.#stream !== null && performance.now() - this.#heard < SILENT_MS;
  }

  /** Milliseconds that the last message was late. */
  get lagMs(): number {
    return Math.max(this.#lag, this.connected ? performance.now() - this.#heard - 400 : 0);
  }

  /** Number of the last message that is in the table. */
  get applied(): number {
    return this.#applied;
  }

  /** The tables were the same when they were compared last, and nothing was missed since. */
  get matches(): boolean {
    return this.#matches;
  }

  /** Until when, by the clock of the table, all that moved is known; 0: it is not. */
  get knownUntilMs(): number {
    const fresh = this.#options.table.now() - this.#knownUntil < FRESH_MS;
    return this.#matches && fresh ? this.#knownUntil : 0;
  }

  get counts(): Readonly<SinkCounts> {
    return this.#counts;
  }

  get lastRepair(): Repair | null {
    return this.#last;
  }

  /** Begins to follow. */
  follow(client: ReplicationClient): void {
    this.leave();
    this.#client = client;
    this.#gap = true;
    this.#applied = 0;
    this.#sentMs = 0;
    this.#lateness = new Lateness();
    const session = ++this.#session;
    const stream = client.Changes({ format: FORMAT });
    this.#stream = stream;
    stream.on('data', (message: ChangesMessage__Output) => {
      if (session !== this.#session) return;
      try {
        this.#take(message);
      } catch (error) {
        this.#hangUp();
        this.#refuse(error);
      }
    });
    const gone = (error?: ServiceError) => {
      if (session !== this.#session) return;
      this.#hangUp();
      if (error?.code === status.FAILED_PRECONDITION) {
        this.#options.onRefused('format', error.details);
      }
    };
    stream.on('error', gone);
    stream.on('end', () => gone());
  }

  /** Follows nobody; what is known stays. */
  leave(): void {
    this.#client = null;
    this.#forget();
  }

  #hangUp(): void {
    this.#forget();
    this.#endedAt = performance.now();
  }

  #refuse(error: unknown): void {
    const { onRefused, onError } = this.#options;
    if (error instanceof GarbledError) onRefused('garbled', error.message);
    else if (error instanceof ReplayedError) onRefused('replayed', error.message);
    else onError(error);
  }

  #forget(): void {
    this.#session++;
    this.#calls.abort();
    this.#calls = new AbortController();
    this.#stream?.cancel();
    this.#stream = null;
    this.#waiting?.go(new Error('the other node hung up'));
    this.#matches = false;
    this.#knownUntil = 0;
    this.#compared = Number.NEGATIVE_INFINITY;
  }

  /** A few times a second: compares when it is time, and listens again where the other node hung up. */
  tick(): void {
    if (this.#client !== null && this.#stream === null) {
      if (performance.now() - this.#endedAt >= AGAIN_MS) this.follow(this.#client);
      return;
    }
    const { table, onError } = this.#options;
    const standing = this.standing;
    if (standing === null || !standing.active || table.role.active) {
      if (table.role.active) this.#matches = false;
      return;
    }
    const since = performance.now() - this.#compared;
    if (this.#repairing || since < (this.#gap || this.#differs ? AGAIN_MS : COMPARE_MS)) return;
    this.#repairing = true;
    this.#compared = performance.now();
    this.#mend(this.#session)
      .catch(onError)
      .finally(() => {
        this.#repairing = false;
      });
  }

  async #mend(session: number): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    const { table, onRepaired } = this.#options;
    const joining = this.#gap;
    this.#gap = false;
    try {
      const told = toldBy(client, ({ toldMs }) => this.#takenUntil(toldMs), this.#calls.signal);
      const done = await repair(table, told, joining, (taken) => this.#add(taken));
      if (session !== this.#session) return;
      this.#counts.bytes += done.bytes;
      this.#differs = done.differing > 0;
      this.#matches = !this.#differs && !this.#gap;
      if (done.rounds > 0) {
        this.#last = done;
        onRepaired(done);
      }
    } catch (error) {
      this.#differs = true;
      if (joining) this.#gap = true;
      // Whoever is gone is told of elsewhere.
      if (session === this.#session) throw error;
    } finally {
      this.#compared = performance.now();
    }
  }

  /** Resolves once a message is taken that was sent then or later. @throws Error there will be none */
  #takenUntil(toldMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (error?: Error) => {
        this.#waiting = null;
        if (error === undefined) resolve();
        else reject(error);
      };
      if (toldMs === 0) setTimeout(resolve, SETTLE_MS);
      else if (this.#stream === null) go(new Error('the other node hung up'));
      else if (this.#sentMs >= toldMs) go();
      else this.#waiting = { toldMs, go };
    });
  }

  #take(message: ChangesMessage__Output): void {
    const { table } = this.#options;
    if (message.sequence <= this.#applied) {
      throw new ReplayedError(`message ${message.sequence} came after ${this.#applied}`);
    }
    for (const kind of RECORD_KINDS) {
      if (!table.isWhole(kind, message[kind] as Uint8Array)) {
        throw new GarbledError(`message ${message.sequence}: ${kind} are no whole records`);
      }
    }
    for (const kind of RECORD_KINDS) {
      const records = message[kind] as Uint8Array;
      if (records.length === 0) continue;
      this.#add(table.take(kind, message.epoch, records));
      this.#counts.bytes += records.length;
    }
    const now = performance.now();
    this.#heard = now;
    this.#lag = this.#lateness.of(message.sentMs, now);
    this.#applied = message.sequence;
    this.#sentMs = message.sentMs;
    if (this.#waiting !== null && this.#sentMs >= this.#waiting.toldMs) this.#waiting.go();
    if (message.gap) {
      this.#gap = true;
      this.#matches = false;
    }
    if (message.toldUntilMs > 0) {
      this.#knownUntil = table.now() - message.toldUntilMs - DATED_LATE_MS - this.#lag;
    }
    if (message.standing) this.#stand(message.standing);
  }

  #stand(standing: Standing__Output): void {
    const { table } = this.#options;
    this.#standing = standing;
    const apart = table.now() - standing.clockMs;
    const known = new Map(table.birthdays().map(({ epoch, offsetMs }) => [epoch, offsetMs]));
    // Each way takes its time: told back and forth, it would add up.
    const note = (epoch: number, offsetMs: number) => {
      const before = known.get(epoch & 0xffff);
      if (before === undefined || Math.abs(before - offsetMs) > APART_MS) {
        table.noteBirthday(epoch, offsetMs);
      }
    };
    for (const { epoch, offsetMs } of standing.birthdays) note(epoch, offsetMs + apart);
    // What it began itself, it began by its own clock.
    if (standing.active && !table.role.active) note(standing.epoch, apart);
  }

  #add(taken: Taken): void {
    for (const key of Object.keys(taken) as (keyof Taken)[]) this.#counts[key] += taken[key];
  }
}
