/** What this node tells the other one of its connections. */
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { type ServerUnaryCall, type ServerWritableStream, status } from '@grpc/grpc-js';
import type { BucketsRequest__Output } from '../../generated/proto/bridgewall/v1/BucketsRequest.js';
import type { ChangesMessage } from '../../generated/proto/bridgewall/v1/ChangesMessage.js';
import type { ChangesRequest__Output } from '../../generated/proto/bridgewall/v1/ChangesRequest.js';
import type { DigestsRequest__Output } from '../../generated/proto/bridgewall/v1/DigestsRequest.js';
import type { DigestsResponse } from '../../generated/proto/bridgewall/v1/DigestsResponse.js';
import type { ReplicationHandlers } from '../../generated/proto/bridgewall/v1/Replication.js';
import type { Standing } from '../../generated/proto/bridgewall/v1/Standing.js';
import { unknownFormat, written } from '../channel/calls.js';
import { BORN_BYTES, bornBytes, bornFrom } from './born.js';
import { holdsAll } from './difference.js';
import { Outbox } from './outbox.js';
import type { Choice, ConnectionTable } from './table.js';

/** The format of records and messages. */
export const FORMAT = 1;
const STANDING_MS = 200;
/** 16,384 buckets, a bit each. */
const CHOICE_BYTES = 2048;
/** Between the beginnings of two passes over those that moved. */
const MOVED_MS = 5000;
/** What was sent so long ago, over a connection that stands, has been taken. */
const TAKEN_MS = 1000;
/** What a packet moves is dated a second late at most. */
export const DATED_LATE_MS = 1500;
/** What happened in the kernel so long ago has been read out of it, unless this machine is very late. */
const READ_MS = 200;
/** Who listens for the first time is told what differs before what moved; but not for longer than that. */
const FIRST_MS = 60_000;
/** Connections younger than that are not compared: they may be on their way. */
const YOUNGEST_SECONDS = 1;

export interface SourceOptions {
  readonly table: ConnectionTable;
  /** How this node stands with what it was told itself. */
  readonly standing: () => Pick<Standing, 'applied' | 'lagMs' | 'matches'>;
  readonly onError: (error: unknown) => void;
}

/** Serves one peer; a second call takes the place of the first. */
export class ChangeSource {
  readonly #options: SourceOptions;
  readonly #reader: { close(): void };
  #outbox: Outbox | null = null;
  #lost = 0;
  readonly #timer: NodeJS.Timeout;
  /** What moved since then is to be told. */
  #movedAt = 0;
  /** The last pass that went out whole: it counts once the peer has had time to take it. */
  #passed: { readonly began: number; readonly ended: number } | null = null;
  #passAt = Number.NEGATIVE_INFINITY;
  #moving = false;
  /** Calls by which tables are compared, and told. */
  #comparing = 0;
  /** When the stream began. */
  #listensAt = 0;
  /** When digests were given last, and those. */
  #given: { readonly at: number; readonly bytes: Uint8Array } | null = null;

  constructor(options: SourceOptions) {
    this.#options = options;
    const { table } = options;
    this.#lost = table.lost;
    this.#reader = table.readChanges(({ runs, lost }) => {
      const before = this.#lost;
      this.#lost = table.lost;
      this.#outbox?.put(runs, lost > 0 || this.#lost > before);
    });
    this.#timer = setInterval(() => this.#tick(), STANDING_MS);
    this.#timer.unref();
  }

  /** Bytes that wait for the peer. */
  get waiting(): number {
    return this.#outbox?.waiting ?? 0;
  }

  /** Number of the last message that was sent; 0: nobody listens. */
  get sequence(): number {
    return this.#outbox?.sequence ?? 0;
  }

  /** Bytes of records that were sent to the peer that listens. */
  get sent(): number {
    return this.#outbox?.sent ?? 0;
  }

  get handlers(): ReplicationHandlers {
    return {
      Changes: (call) => this.#changes(call),
      Digests: (call, reply) => {
        this.#digests(call).then(
          (response) => reply(null, response),
          (error) => reply(error),
        );
      },
      Buckets: (call) => {
        this.#buckets(call).catch((error) => call.emit('error', error));
      },
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#reader.close();
    this.#outbox?.close();
    this.#outbox = null;
  }

  #changes(call: ServerWritableStream<ChangesRequest__Output, ChangesMessage>): void {
    const wrong = unknownFormat(call.request.format, FORMAT);
    if (wrong !== undefined) {
      call.emit('error', wrong);
      return;
    }
    this.#outbox?.close();
    const { table } = this.#options;
    const outbox = new Outbox(call, () => table.role.epoch);
    this.#outbox = outbox;
    this.#passed = null;
    this.#movedAt = 0;
    // First it compares; what differs is told whole then.
    this.#passAt = table.now();
    this.#listensAt = table.now();
    const gone = () => {
      outbox.close();
      if (this.#outbox === outbox) this.#outbox = null;
    };
    call.on('cancelled', gone);
    call.on('error', gone);
    call.on('close', gone);
    outbox.stand(this.#standing());
  }

  async #digests(
    call: ServerUnaryCall<DigestsRequest__Output, DigestsResponse>,
  ): Promise<DigestsResponse> {
    this.#checkAsked(call.request.format);
    const { table } = this.#options;
    const until = table.bornBefore(call.request.young ? 0 : YOUNGEST_SECONDS);
    const at = table.now();
    const { bytes, count } = await this.#comparison(() => table.digests(until));
    this.#given = { at, bytes };
    await pause(READ_MS);
    // A turn of the event loop: what has been read is in a message then.
    await turn();
    return {
      ...{ until: bornBytes(until), digests: bytes as Buffer, count, epoch: table.role.epoch },
      toldMs: Math.ceil(performance.now()),
    };
  }

  async #buckets(
    call: ServerWritableStream<BucketsRequest__Output, ChangesMessage>,
  ): Promise<void> {
    this.#checkAsked(call.request.format);
    const { buckets, until } = call.request;
    if (until.length !== BORN_BYTES || buckets.length !== CHOICE_BYTES) {
      throw { code: status.INVALID_ARGUMENT, details: 'a choice of another size' };
    }
    await this.#comparison(() => this.#tell(call, { until: bornFrom(until), buckets }));
  }

  async #comparison<T>(call: () => Promise<T>): Promise<T> {
    this.#comparing++;
    try {
      return await call();
    } finally {
      this.#comparing--;
      const now = this.#options.table.now();
      if (this.#movedAt === 0 && now - this.#listensAt < FIRST_MS) this.#passAt = now;
    }
  }

  async #tell(
    call: ServerWritableStream<BucketsRequest__Output, ChangesMessage>,
    choice: Choice,
  ): Promise<void> {
    const { table } = this.#options;
    const [outbox, given] = [this.#outbox, this.#given];
    let sequence = 0;
    // One at a time: what waits here grows old, and who closed meanwhile is not let in again (import.h).
    const send = (records: ChangesMessage) =>
      written(call, { ...records, epoch: table.role.epoch, sequence: ++sequence });
    for await (const children of table.tellChildren()) {
      if (call.cancelled || call.destroyed) return;
      await send({ children: children as Buffer });
    }
    for await (const states of table.tell(choice)) {
      if (call.cancelled || call.destroyed) return;
      await send({ states: states as Buffer });
    }
    // Who was told everything has no need of it twice.
    const listens = outbox !== null && outbox === this.#outbox && !call.cancelled;
    if (listens && given !== null && holdsAll(choice.buckets, given.bytes)) {
      this.#movedAt = Math.max(this.#movedAt, given.at - DATED_LATE_MS);
    }
    call.end();
  }

  #checkAsked(format: number): void {
    const wrong = unknownFormat(format, FORMAT);
    if (wrong !== undefined) throw wrong;
    if (this.#options.table.role.active) return;
    throw { code: status.FAILED_PRECONDITION, details: 'this node is not active' };
  }

  #tick(): void {
    const outbox = this.#outbox;
    if (outbox === null) return;
    outbox.stand(this.#standing());
    const { table } = this.#options;
    if (this.#passed && !outbox.blocked && table.now() - this.#passed.ended > TAKEN_MS) {
      this.#movedAt = Math.max(1, this.#passed.began - DATED_LATE_MS);
      this.#passed = null;
    }
    if (!table.role.active || this.#moving || this.#comparing > 0) return;
    if (table.now() - this.#passAt < MOVED_MS) return;
    this.#moving = true;
    this.#tellMoved(outbox)
      .catch(this.#options.onError)
      .finally(() => {
        this.#moving = false;
      });
  }

  /** Those that moved since the pass before: window edges, and that they live. */
  async #tellMoved(outbox: Outbox): Promise<void> {
    const { table } = this.#options;
    const began = table.now();
    this.#passAt = began;
    for await (const records of table.tellMoved(this.#movedAt)) {
      if (this.#outbox !== outbox || !table.role.active) return;
      await outbox.pass(records);
    }
    if (this.#outbox !== outbox) return;
    this.#passed = { began, ended: table.now() };
    await outbox.passed(table.now() - began);
  }

  #standing(): Standing {
    const { table, standing } = this.#options;
    const { active, epoch } = table.role;
    return {
      ...standing(),
      active,
      epoch,
      birthdays: table.birthdays(),
      clockMs: Math.round(table.now()),
    };
  }
}
