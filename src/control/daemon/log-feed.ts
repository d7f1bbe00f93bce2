/** Log records on their way from netfilter to whoever watches. */
import { NflogError, NflogReader, type NflogRecord } from '../netfilter/index.js';
import type { LogRecord } from '../service.js';
import { describeLog, type LogContext } from './log-record.js';

/** Looks whether a taken group is free again. */
const RETRY_MS = 2000;

type Listener = (record: LogRecord) => void;

/** Reads the node's NFLOG group until it is closed. */
export class LogFeed {
  readonly #listeners = new Set<Listener>();
  #reader: NflogReader | null = null;
  #retry: NodeJS.Timeout | null = null;
  #closed = false;
  #context: LogContext | null = null;

  /** Claims the group. @throws NflogError */
  async open(group: number): Promise<void> {
    const reader = await NflogReader.open(group, {
      onRecords: (records) => this.#deliver(records),
    });
    if (this.#closed) reader.close();
    else this.#reader = reader;
  }

  /**
   * Claims the group once it is free; until then nobody reads the records of the wall.
   * @returns why it is not free now; undefined: it was
   */
  async openWhenFree(group: number, onOpen: () => void): Promise<string | undefined> {
    try {
      await this.open(group);
      return undefined;
    } catch (error) {
      if (!(error instanceof NflogError) || this.#closed) throw error;
      this.#retry = setTimeout(() => void this.#again(group, onOpen), RETRY_MS);
      this.#retry.unref();
      return error.message;
    }
  }

  async #again(group: number, onOpen: () => void): Promise<void> {
    const trouble = await this.openWhenFree(group, onOpen).catch(String);
    if (trouble === undefined) onOpen();
  }

  /** How records are put into words; without that, nobody hears of them. */
  describeWith(context: LogContext): void {
    this.#context = context;
  }

  /** Records that the kernel made and that did not arrive. */
  get lost(): number {
    return this.#reader?.lost ?? 0;
  }

  /** Calls back for each record until the signal aborts. */
  watch(onRecord: Listener, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(onRecord);
    signal.addEventListener('abort', () => this.#listeners.delete(onRecord), { once: true });
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#reader?.close();
    this.#reader = null;
    this.#listeners.clear();
  }

  #deliver(records: readonly NflogRecord[]): void {
    // Nobody watches: then nobody needs them put into words.
    if (this.#listeners.size === 0 || this.#context === null) return;
    for (const record of records) {
      const described = describeLog(record, this.#context);
      if (described === undefined) continue;
      for (const listener of this.#listeners) listener(described);
    }
  }
}
