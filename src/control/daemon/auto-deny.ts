/**
 * `onDrop`: who had too much dropped goes into a dynamic group. The packet path counts, and tells of
 * crossings alone; here they become members, a batch for each group.
 */
import type { DropsEvent, WallEvent } from '../dataplane/index.js';
import { formatAddress, type OnDrop, type Plan } from '../policy/index.js';
import type { EventSink } from './event-bus.js';

/** What this needs of the rest. */
export interface AutoDenyDeps {
  /** The policy that judges; null: there is none. */
  readonly active: () => { readonly generation: number; readonly plan: Plan } | null;
  /** Puts sources into a group for so many seconds; tells of each whether it is in there now. */
  readonly ban: (
    group: string,
    sources: readonly Uint8Array[],
    ttlSeconds: number,
  ) => Promise<{ readonly banned: readonly boolean[]; readonly why: string }>;
  /** Seconds since a time of the kernel's clock. */
  readonly secondsSince: (time: bigint) => number;
  readonly portName: (number: number) => string;
  readonly events: EventSink;
  readonly onError: (error: unknown) => void;
}

/** Those that one `onDrop` tells of at once. */
interface Crossings {
  readonly onDrop: OnDrop;
  readonly group: string;
  readonly ttl: number;
  readonly crossings: DropsEvent[];
}

export class AutoDeny {
  readonly #deps: AutoDenyDeps;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: AutoDenyDeps) {
    this.#deps = deps;
  }

  /** Takes the events of a slab. */
  take(events: readonly WallEvent[]): void {
    const crossings = events.filter((event) => event.kind === 'drops');
    if (crossings.length === 0) return;
    this.#running = this.#running.then(() => this.#banAll(crossings)).catch(this.#deps.onError);
  }

  /** Resolves once nothing runs any more. */
  async close(): Promise<void> {
    await this.#running;
  }

  async #banAll(crossings: readonly DropsEvent[]): Promise<void> {
    for (const some of this.#byOnDrop(crossings)) await this.#ban(some);
  }

  /** What another policy counted is its own affair: the one of now counts anew. */
  #byOnDrop(crossings: readonly DropsEvent[]): Iterable<Crossings> {
    const active = this.#deps.active();
    const found = new Map<string, Crossings>();
    for (const crossing of crossings) {
      const onDrop = active?.plan.onDrop[crossing.number];
      if (active?.generation !== crossing.generation || onDrop === undefined) continue;
      // While no daemon was there to hear of it, time went by.
      const ttl = Math.ceil(onDrop.ttlSeconds - this.#deps.secondsSince(crossing.time));
      if (ttl <= 0) continue;
      const key = `${crossing.number} ${ttl}`;
      const known = found.get(key);
      if (known !== undefined) known.crossings.push(crossing);
      else {
        const group = active.plan.dynamicGroups[onDrop.group]!.name;
        found.set(key, { onDrop, group, ttl, crossings: [crossing] });
      }
    }
    return found.values();
  }

  async #ban({ onDrop, group, ttl, crossings }: Crossings): Promise<void> {
    const { ban, events, portName } = this.#deps;
    const sources = crossings.map(({ source }) => source);
    const { banned, why } = await ban(group, sources, ttl);
    for (const [i, crossing] of crossings.entries()) {
      if (!banned[i]) continue;
      const { after, windowSeconds, position } = onDrop;
      events.emit('auto-denied', {
        address: formatAddress(crossing.source),
        ...{ group, ttl, reason: crossing.reason, drops: after, seconds: windowSeconds },
        port: portName(crossing.port),
        last: lastDrop(crossing),
        ...{ file: position.file, line: position.line },
      });
    }
    const count = banned.filter((done) => !done).length;
    if (count > 0) events.emit('auto-deny-failed', { group, count, why });
  }
}

/** The frame that was one too many: `tcp 192.0.2.25 port 22`. */
function lastDrop({ proto, destination, destinationPort }: DropsEvent): string {
  const port = destinationPort === 0 ? '' : ` port ${destinationPort}`;
  return `${proto} ${formatAddress(destination)}${port}`;
}
