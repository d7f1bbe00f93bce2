/**
 * Who holds how many established connections: the source of each, unless that is a screened host, and
 * the host that it goes to. One whose time is over counts until it is swept.
 */
import { addressKey } from '../address.js';
import type { Limit } from '../limits.js';
import type { Connection, Phase } from './connection.js';
import { screenedHost, type World } from './judge.js';

const OPEN: ReadonlySet<Phase> = new Set<Phase>([
  'established',
  'fin-wait',
  'close-wait',
  'last-ack',
  'both-ways',
]);

type Ends = Pick<Connection['opening'], 'source' | 'destination' | 'tags'>;

export class Holdings {
  readonly #held = new Map<string, Connection>();

  /** A connection has moved to another phase. */
  moved(connection: Connection): void {
    if (!connection.established) return;
    if (OPEN.has(connection.phase)) this.#held.set(connection.key, connection);
    else this.ended(connection);
  }

  ended(connection: Connection): void {
    if (this.#held.get(connection.key) === connection) this.#held.delete(connection.key);
  }

  sweep(isOver: (connection: Connection) => boolean): void {
    for (const connection of this.#held.values()) {
      if (isOver(connection)) this.ended(connection);
    }
  }

  /** Would one more be too many for its source, or for its host? */
  isFull(world: World, ends: Ends): boolean {
    const { policy } = world;
    const host = screenedHost(world, ends.destination, ends.tags);
    const toHost = (each: Ends) => screenedHost(world, each.destination, each.tags) === host;
    if (host !== null && this.#reaches(host.limit, toHost)) return true;
    if (screenedHost(world, ends.source, ends.tags) !== null) return false;
    const source = addressKey(ends.source);
    return this.#reaches(policy.sourceLimit, (each) => addressKey(each.source) === source);
  }

  #reaches({ states }: Limit, counts: (ends: Ends) => boolean): boolean {
    if (states === 0) return false;
    const held = [...this.#held.values()].filter(({ opening }) => counts(opening));
    return held.length >= states;
  }
}
