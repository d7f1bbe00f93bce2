/** Sessions on their way from the kernel to whoever watches. */
import {
  type Dataplane,
  describeSession,
  readSessions,
  sessionStats,
  sweepSessions,
} from '../dataplane/index.js';
import type { RuleRef, SessionRecord } from '../service.js';
import type { RuleIndex } from './rules.js';

const PASS_MS = 1000;
/** After a start: those who followed before are to be back by then. */
const FIRST_MS = 5000;
/** When the ring had no room for all. */
const AGAIN_MS = 100;

type Listener = (record: SessionRecord) => void;

/** Has the kernel look once a second what began and what ended, and tells it, until it is closed. */
export class SessionFeed {
  readonly #dataplane: Dataplane;
  readonly #rules: () => Pick<RuleIndex, 'ref'>;
  readonly #onError: (error: unknown) => void;
  #reader: { close(): void } | null = null;
  readonly #listeners = new Set<Listener>();
  /** Rules by slot, for sessions of which the policy no longer names the rule. */
  readonly #known = new Map<number, RuleRef>();
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #closed = false;
  #unread = 0;

  constructor(
    dataplane: Dataplane,
    rules: () => Pick<RuleIndex, 'ref'>,
    onError: (error: unknown) => void,
  ) {
    this.#dataplane = dataplane;
    this.#rules = rules;
    this.#onError = onError;
    this.#schedule(FIRST_MS);
  }

  /** The ring is megabytes of this process, and stays empty where no rule tells of sessions. */
  #read(): void {
    this.#reader ??= readSessions(this.#dataplane, (records, _count, lost) => {
      this.#unread += lost;
      // Nobody watches: then nobody needs them put into words.
      if (this.#listeners.size > 0) this.#deliver(records());
    });
  }

  /** Sessions of which nothing was kept, and records that were dropped before they got here. */
  get lost(): number {
    return sessionStats(this.#dataplane).lost + this.#unread;
  }

  /** Calls back for each record until the signal aborts. */
  watch(onRecord: Listener, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(onRecord);
    signal.addEventListener('abort', () => this.#listeners.delete(onRecord), { once: true });
  }

  /** Resolves once nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
    this.#reader?.close();
    this.#listeners.clear();
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#pass()
        .catch((error: unknown) => {
          this.#onError(error);
          return false;
        })
        .then((more) => {
          if (!this.#closed) this.#schedule(more ? AGAIN_MS : PASS_MS);
        });
    }, ms);
    this.#timer.unref();
  }

  /** Resolves true when there is more to tell. */
  async #pass(): Promise<boolean> {
    const { opened, held } = sessionStats(this.#dataplane);
    if (opened > 0 || held > 0) this.#read();
    return await sweepSessions(this.#dataplane, () => this.#closed);
  }

  #deliver(records: Parameters<typeof describeSession>[0][]): void {
    const { clock } = this.#dataplane;
    const at = { jiffies: clock.now(), ms: Date.now() };
    const index = this.#rules();
    const ruleOf = (slot: number) => {
      const ref = index.ref(slot);
      if (ref !== null) this.#known.set(slot, ref);
      return ref ?? this.#known.get(slot) ?? null;
    };
    for (const record of records) {
      const told = describeSession(record, at, clock, ruleOf);
      for (const listener of this.#listeners) listener(told);
    }
  }
}
