/**
 * Frees what has expired: states, half-open states, learned addresses. What has expired is absent
 * for packets anyhow; sweeping only makes room, once a second and in slices.
 */
import * as layouts from '../../generated/layouts.js';
import { slices } from './iterate.js';
import { type Dataplane, index, type MapName } from './object.js';

const INTERVAL_MS = 1000;
const TABLES = ['established', 'pending', 'fdb'] as const satisfies readonly MapName[];
type Table = (typeof TABLES)[number];

export type LiveCounts = Readonly<Record<Table, number>>;

/** Sweeps until it is stopped, and knows how much was alive. */
export class Sweeper {
  readonly #dataplane: Dataplane;
  readonly #onError: (error: unknown) => void;
  readonly #also: () => Promise<void>;
  #live: LiveCounts = { established: 0, pending: 0, fdb: 0 };
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  /** @param also further sweeping of the same rhythm. */
  constructor(
    dataplane: Dataplane,
    onError: (error: unknown) => void,
    also: () => Promise<void> = async () => {},
  ) {
    this.#dataplane = dataplane;
    this.#onError = onError;
    this.#also = also;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#pass()
        .catch(this.#onError)
        .finally(() => {
          if (!this.#stopped) this.start();
        });
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  /** Entries alive now: sweeps once more and counts. */
  async count(): Promise<LiveCounts> {
    // A pass under way may have begun before what the caller asks about.
    if (this.#running !== null) await this.#running.catch(() => {});
    await this.#pass();
    return this.#live;
  }

  /** Resolves once nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running?.catch(() => {});
  }

  #pass(): Promise<void> {
    this.#running ??= this.#sweep().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #sweep(): Promise<void> {
    const live = { established: 0, pending: 0, fdb: 0 };
    for (const table of TABLES) live[table] = await this.#sweepTable(table);
    this.#live = live;
    await this.#also();
  }

  async #sweepTable(table: Table): Promise<number> {
    const stats = this.#dataplane.map('sweep_stats');
    stats.update(index(0), Buffer.alloc(layouts.sweepStats.size));
    const program = this.#dataplane.program(table === 'fdb' ? 'sweep_fdb' : 'sweep_states');
    for await (const _ of slices(program, this.#dataplane.map(table))) {
      if (this.#stopped) break;
    }
    return Number(layouts.sweepStats.decode(stats.lookup(index(0))!).live);
  }
}
