/** Messages on their way to the other node: never more than it can take. What comes meanwhile is one message. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ChangesMessage } from '../../generated/proto/bridgewall/v1/ChangesMessage.js';
import type { ChangesRequest__Output } from '../../generated/proto/bridgewall/v1/ChangesRequest.js';
import type { Standing } from '../../generated/proto/bridgewall/v1/Standing.js';
import { type ChangeBatch, RECORD_KINDS, type RecordKind } from './table.js';

/** Bytes that wait for a slow reader; then they are dropped, and that is told. */
export const MOST_WAITING = 8 << 20;

/** The call that messages leave by. */
export type ChangesCall = Pick<
  ServerWritableStream<ChangesRequest__Output, ChangesMessage>,
  'write' | 'once' | 'off' | 'end' | 'writable' | 'destroyed'
>;

export class Outbox {
  readonly #call: ChangesCall;
  readonly #epoch: () => number;
  readonly #waiting = new Map<RecordKind, Uint8Array[]>();
  #bytes = 0;
  #gap = false;
  #sequence = 0;
  #sent = 0;
  /** Not null: the other side takes no more for now. */
  #blocked: Promise<void> | null = null;
  #closed = false;

  /** @param epoch of roles, now */
  constructor(call: ChangesCall, epoch: () => number) {
    this.#call = call;
    this.#epoch = epoch;
  }

  /** Bytes that have not left yet. */
  get waiting(): number {
    return this.#bytes;
  }

  /** The other side takes no more for now. */
  get blocked(): boolean {
    return this.#blocked !== null;
  }

  /** Bytes of records that have left. */
  get sent(): number {
    return this.#sent;
  }

  /** Number of the last message. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Takes records; never waits. `lost`: some before them are missing. */
  put(runs: ChangeBatch['runs'], lost: boolean): void {
    if (this.#closed) return;
    if (lost) this.#gap = true;
    for (const { kind, records } of runs) this.#keep(kind, records);
    if (this.#blocked === null) this.#flush();
  }

  /** Says how this node stands, with what has been gathered. */
  stand(standing: Standing): void {
    if (!this.#closed && this.#blocked === null) this.#flush({ standing });
  }

  /** Records of a pass; resolves once the other side takes more. */
  async pass(records: Uint8Array): Promise<void> {
    await this.#room();
    if (this.#closed) return;
    this.#flush({ states: records });
    await this.#room();
  }

  /** A pass is over: all that moved until so many milliseconds ago has been told. */
  async passed(agoMs: number): Promise<void> {
    await this.#room();
    if (!this.#closed) this.#flush({ toldUntilMs: Math.max(1, Math.round(agoMs)) });
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    if (!this.#call.destroyed) this.#call.end();
  }

  #keep(kind: RecordKind, records: Uint8Array): void {
    if (this.#bytes + records.length > MOST_WAITING) {
      this.#waiting.clear();
      this.#bytes = 0;
      this.#gap = true;
      return;
    }
    const list = this.#waiting.get(kind);
    if (list === undefined) this.#waiting.set(kind, [records]);
    else list.push(records);
    this.#bytes += records.length;
  }

  async #room(): Promise<void> {
    while (this.#blocked !== null && !this.#closed) await this.#blocked;
  }

  /** What was gathered, and `more`, in one message; `states` of a pass in one of its own. */
  #flush(more: ChangesMessage = {}): void {
    const message: ChangesMessage = {};
    for (const kind of RECORD_KINDS) {
      const list = this.#waiting.get(kind);
      if (list !== undefined) message[kind] = list.length === 1 ? list[0]! : Buffer.concat(list);
    }
    this.#waiting.clear();
    const gathered = this.#bytes;
    this.#bytes = 0;
    if (more.states !== undefined) {
      if (gathered > 0) this.#write(message);
      this.#write(more);
      this.#sent += gathered + more.states.length;
      return;
    }
    this.#sent += gathered;
    this.#write({ ...message, ...more });
  }

  #write(message: ChangesMessage): void {
    if (!this.#call.writable) return;
    this.#sequence++;
    const ready = this.#call.write({
      ...message,
      epoch: this.#epoch(),
      gap: this.#gap,
      sequence: this.#sequence,
      sentMs: Math.round(performance.now()),
    });
    this.#gap = false;
    if (ready || this.#blocked !== null) return;
    this.#blocked = new Promise((resolve) => {
      const go = () => {
        this.#call.off('drain', go);
        this.#call.off('close', go);
        this.#blocked = null;
        resolve();
        if ((this.#bytes > 0 || this.#gap) && !this.#closed) this.#flush();
      };
      this.#call.once('drain', go);
      this.#call.once('close', go);
    });
  }
}
