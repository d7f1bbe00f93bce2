/** Reads an NFLOG group of this network namespace. */
import { readFile } from 'node:fs/promises';
import { Family, NetlinkConnection, NetlinkError, type NetlinkMessage } from '../netlink/index.js';
import {
  bindMessage,
  decodeRecord,
  NflogMessage,
  type NflogRecord,
  packetGroup,
  settingsMessage,
  unbindMessage,
} from './nflog-codec.js';
import { LOG_BATCH, LOG_BYTES } from './table.js';

/** `busy`: another process reads the group. `not-permitted`: it takes root. `kernel`: anything else. */
export type NflogErrorCode = 'busy' | 'not-permitted' | 'kernel';

/** The group cannot be read; the message is one line. */
export class NflogError extends Error {
  readonly code: NflogErrorCode;

  constructor(code: NflogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NflogError';
    this.code = code;
  }
}

/** A tenth of a second, so that a record is seen soon after its packet. */
const TIMEOUT_HUNDREDTHS = 10;
const FINISH_ATTEMPTS = 3;
const FINISH_MS = 1000;
const BUFFER_BYTES = 1 << 16;
const GROUPS_FILE = '/proc/net/netfilter/nfnetlink_log';
const SEQUENCE_SPAN = 2 ** 32;

/** What a reader calls back for. */
export interface NflogListener {
  /** The records of one datagram, in the order of the kernel. */
  onRecords(records: NflogRecord[]): void;
}

/** Holds an NFLOG group until it is closed. */
export class NflogReader implements Disposable {
  readonly group: number;
  readonly #connection: NetlinkConnection;
  readonly #listener: NflogListener;
  #next: number | undefined;
  #received = 0;
  #lost = 0;

  private constructor(group: number, listener: NflogListener) {
    this.group = group;
    this.#listener = listener;
    this.#connection = new NetlinkConnection(Family.NETFILTER, {
      onMessages: (messages) => this.#deliver(messages),
    });
  }

  /** Claims the group and begins to read. Throws NflogError. */
  static async open(group: number, listener: NflogListener): Promise<NflogReader> {
    let reader: NflogReader | undefined;
    try {
      reader = new NflogReader(group, listener);
      await reader.#configure();
      return reader;
    } catch (error) {
      reader?.close();
      throw await explain(group, error);
    }
  }

  /** Records read so far. */
  get received(): number {
    return this.#received;
  }

  /** Records that the kernel made and that never arrived; a gap shows once the next one arrives. */
  get lost(): number {
    return this.#lost;
  }

  close(): void {
    // The kernel gives the group back when its socket goes.
    this.#connection.close();
  }

  /** Gives the group back after what the kernel still held has been delivered. */
  async finish(): Promise<void> {
    const what = `leaving NFLOG group ${this.group}`;
    const message = unbindMessage(this.group);
    try {
      for (let attempt = 0; attempt < FINISH_ATTEMPTS; attempt++) {
        const answer = await this.#connection
          .request(what, NflogMessage.CONFIG, message, { timeoutMs: FINISH_MS })
          .then(
            () => 'done',
            (error: NetlinkError) => error.code,
          );
        // After an overrun the answer itself may be lost; then only its absence is left to ask about.
        if (answer !== 'ETIMEDOUT') break;
      }
    } finally {
      this.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #configure(): Promise<void> {
    await this.#config('joining NFLOG group', bindMessage(this.group));
    const settings = {
      bytes: LOG_BYTES,
      batch: LOG_BATCH,
      timeoutHundredths: TIMEOUT_HUNDREDTHS,
      bufferBytes: BUFFER_BYTES,
    };
    await this.#config('setting up NFLOG group', settingsMessage(this.group, settings));
  }

  async #config(what: string, body: Buffer): Promise<void> {
    await this.#connection.request(`${what} ${this.group}`, NflogMessage.CONFIG, body);
  }

  #deliver(messages: NetlinkMessage[]): void {
    const now = Date.now();
    const records: NflogRecord[] = [];
    for (const message of messages) {
      if (packetGroup(message) !== this.group) continue;
      const record = decodeRecord(message, now);
      this.#account(record.sequence);
      records.push(record);
    }
    this.#received += records.length;
    if (records.length > 0) this.#listener.onRecords(records);
  }

  #account(sequence: number | undefined): void {
    if (sequence === undefined) return;
    // Numbers begin at 0 with the claim, so that losses before the first arrival show as well.
    this.#lost += (sequence - (this.#next ?? 0) + SEQUENCE_SPAN) % SEQUENCE_SPAN;
    this.#next = (sequence + 1) % SEQUENCE_SPAN;
  }
}

async function explain(group: number, error: unknown): Promise<unknown> {
  if (!(error instanceof NetlinkError)) return error;
  const denied = error.code === 'EPERM' || error.code === 'EACCES';
  // A group that is taken is refused with EPERM too.
  const holder = denied || error.code === 'EBUSY' ? await holderOf(group) : undefined;
  if (holder !== undefined) {
    const message = `NFLOG group ${group} is already read by another process (netlink port ${holder}); set log.group to one that is free`;
    return new NflogError('busy', message, { cause: error });
  }
  return denied
    ? new NflogError('not-permitted', `reading NFLOG group ${group} takes root`, { cause: error })
    : new NflogError('kernel', error.message, { cause: error });
}

/** Netlink port (often the process id) that reads the group in this namespace. */
async function holderOf(group: number): Promise<number | undefined> {
  try {
    const lines = (await readFile(GROUPS_FILE, 'utf8')).split('\n');
    const fields = lines.map((line) => line.trim().split(/\s+/).map(Number));
    return fields.find(([number]) => number === group)?.[1];
  } catch {
    return undefined;
  }
}
