/** Log records on their way from netfilter to whoever watches. */
import { NflogReader, type NflogRecord } from '../netfilter/index.js';
import type { LogRecord } from '../service.js';
import { describeLog, type LogContext } from './log-record.js';

type Listener = (record: LogRecord) => void;

/** Reads the node's NFLOG group until it is closed. */
export class LogFeed {
  readonly #listeners = new Set<Listener>();
  #reader: NflogReader | null = null;
  #context: LogContext | null = null;

  /** Claims the group. @throws NflogError */
  async open(group: number): Promise<void> {
    this.#reader = await NflogReader.open(group, {
      onRecords: (records) => this.#deliver(records),
    });
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
