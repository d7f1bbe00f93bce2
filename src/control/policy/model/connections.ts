import { type Connection, type Timeouts, timeoutOf } from './connection.js';

/** Connections by key; one whose time is over counts as absent. Times in jiffies. */
export class Connections {
  readonly #timeouts: Timeouts;
  readonly #hz: number;
  readonly #standing = new Map<string, Connection>();
  /** Besides an established connection: what a SYN inside it would begin. */
  readonly #successors = new Map<string, Connection>();

  /** @param hz jiffies per second */
  constructor(timeouts: Timeouts, hz: number) {
    this.#timeouts = timeouts;
    this.#hz = hz;
  }

  /** All of them, successors included. */
  all(now: number): Connection[] {
    const all = [...this.#standing.values(), ...this.#successors.values()];
    return all.filter((connection) => !this.isOver(connection, now));
  }

  /** A successor stands once what it stood beside is gone. */
  find(key: string | null, now: number): Connection | null {
    if (key === null) return null;
    const connection = this.#live(this.#standing.get(key), now);
    if (connection !== null) return connection;
    const successor = this.successor(key, now);
    if (successor !== null) this.stand(successor);
    return successor;
  }

  successor(key: string, now: number): Connection | null {
    return this.#live(this.#successors.get(key), now);
  }

  /** It takes the place of whatever had its key. */
  stand(connection: Connection): void {
    this.#standing.set(connection.key, connection);
    this.#successors.delete(connection.key);
  }

  /** Keeps one beside the connection that stands. */
  keep(successor: Connection): void {
    this.#successors.set(successor.key, successor);
  }

  end(connection: Connection): void {
    for (const place of [this.#standing, this.#successors]) {
      if (place.get(connection.key) === connection) place.delete(connection.key);
    }
  }

  #live(connection: Connection | undefined, now: number): Connection | null {
    return connection === undefined || this.isOver(connection, now) ? null : connection;
  }

  /** Has it been silent for too long? */
  isOver(connection: Connection, now: number): boolean {
    return now - connection.seen > timeoutOf(connection, this.#timeouts) * this.#hz;
  }
}
