/**
 * Where the parts of a node say what happened, and from where it goes to whoever watches. Telling
 * never waits and never fails: a listener with a slow reader keeps a bounded queue of its own and
 * counts what does not fit.
 */
import type { EventFields, EventKind, NodeEvent } from '../events.js';

/** The part of the bus that those need who have something to tell. */
export interface EventSink {
  /** Tells of one event, now. */
  emit<K extends EventKind>(kind: K, fields: EventFields[K]): void;
}

type Listener = (event: NodeEvent) => void;

/** Kinds that are told before anybody can listen. */
const FIRST: readonly EventKind[] = ['upgraded', 'daemon-started'];

export class EventBus implements EventSink {
  readonly #listeners = new Set<Listener>();
  readonly #onError: (error: unknown) => void;
  /** Nobody watches yet when the daemon starts: every watch begins with what it did. */
  readonly #started: NodeEvent[] = [];

  /** @param onError told when a listener throws; the others hear the event all the same */
  constructor(onError: (error: unknown) => void = () => {}) {
    this.#onError = onError;
  }

  emit<K extends EventKind>(kind: K, fields: EventFields[K]): void {
    const event = { ts: new Date().toISOString(), event: kind, ...fields } as NodeEvent;
    if (FIRST.includes(kind)) this.#started.push(event);
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  /** Calls back for each event until the signal aborts. */
  watch(onEvent: Listener, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(onEvent);
    signal.addEventListener('abort', () => this.#listeners.delete(onEvent), { once: true });
    for (const event of this.#started) this.#tell(onEvent, event);
  }

  #tell(listener: Listener, event: NodeEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#onError(error);
    }
  }
}

/** For those that nobody listens to. */
export const SILENT: EventSink = { emit: () => {} };
