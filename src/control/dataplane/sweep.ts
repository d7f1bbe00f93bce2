/**
 * Frees what has expired: states, half-open states, learned addresses. What has expired is absent
 * for packets anyhow; sweeping makes room. Once a second, in slices on a thread of its own; a pass over the established states
 * only when one of them may have expired, see decision 24.
 */
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index, type MapName, type ProgramName } from './object.js';
import { Recount } from './recount.js';
import { visitAside } from './visit.js';

const TICK_MS = 50;
/** Between the beginnings of two passes. */
const PASS_MS = 450;
/** Passes without need: for an end that nobody told of. */
const REST_MS = 60_000;
/** Passes that count what has come, and their share of a CPU: one part in so many. */
const COUNT_MS = 5000;
const COUNT_SHARE = 100;
/** MACs expire after minutes; nobody waits for their room. */
const FDB_MS = 5000;
const NEVER = 0xffffffffffffffffn;

type Table = Extract<MapName, 'established' | 'pending' | 'fdb'>;

export type LiveCounts = Readonly<Record<Table, number>>;

/** What one pass over a table met. */
export interface PassStats {
  readonly seen: number;
  readonly live: number;
  readonly marked: number;
  readonly deleted: number;
  /** Jiffies before which no other pass is due. */
  readonly next: bigint;
  /** Jiffies from the end of a state to when the pass met it, at most. */
  readonly late: bigint;
  /** Nanoseconds of CPU that its longest batch took. */
  readonly longestNs: number;
}

/** What a sweep needs of a dataplane. */
export type Swept = Pick<Dataplane, 'map' | 'program' | 'clock'>;

/** One pass over a table. @param stop asked between batches */
export async function sweepPass(
  dataplane: Pick<Dataplane, 'map' | 'program'>,
  table: Table,
  stop: () => boolean = () => false,
): Promise<PassStats> {
  const stats = dataplane.map('sweep_stats');
  const blank = layouts.sweepStats.decode(Buffer.alloc(layouts.sweepStats.size));
  stats.update(index(0), layouts.sweepStats.encode({ ...blank, next: NEVER }));
  const program: ProgramName = table === 'fdb' ? 'sweep_fdb' : 'sweep_states';
  const longestNs = await visitAside(dataplane, program, table, stop);
  const { next, late, ...counts } = layouts.sweepStats.decode(stats.lookup(index(0))!);
  return {
    ...{ next, late, longestNs },
    seen: Number(counts.seen),
    live: Number(counts.live),
    marked: Number(counts.marked),
    deleted: Number(counts.deleted),
  };
}

/** Sweeps until it is stopped, and knows how much was alive. */
export class Sweeper {
  readonly #dataplane: Swept;
  readonly #recount: Recount;
  readonly #onError: (error: unknown) => void;
  readonly #also: () => Promise<void>;
  readonly #onPass: (table: Table, stats: PassStats) => void;
  readonly #live: Record<Table, number> = { established: 0, pending: 0, fdb: 0 };
  readonly #began: Record<Table, number> = {
    established: Number.NEGATIVE_INFINITY,
    pending: Number.NEGATIVE_INFINITY,
    fdb: Number.NEGATIVE_INFINITY,
  };
  /** Jiffies: before that no state that the last pass saw alive has expired. */
  #next = 0n;
  /** Milliseconds of the last pass over `established`. */
  #took = 0;
  #alsoAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #others: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  /**
   * @param also further sweeping of the same rhythm
   * @param onPass told of each pass
   */
  constructor(
    dataplane: Swept,
    onError: (error: unknown) => void,
    also: () => Promise<void> = async () => {},
    onPass: (table: Table, stats: PassStats) => void = () => {},
  ) {
    this.#onPass = onPass;
    this.#dataplane = dataplane;
    this.#recount = new Recount(dataplane);
    this.#onError = onError;
    this.#also = also;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#run(() => this.#tick())
        .catch(this.#onError)
        .finally(() => {
          if (!this.#stopped) this.start();
        });
    }, TICK_MS);
    this.#timer.unref();
  }

  /** Entries alive now: sweeps once more and counts. */
  async count(): Promise<LiveCounts> {
    // A pass under way may have begun before what the caller asks about.
    if (this.#running !== null) await this.#running.catch(() => {});
    await this.#run(async () => {
      for (const table of ['established', 'pending', 'fdb'] as const) await this.#sweep(table);
    });
    return { ...this.#live };
  }

  /** Resolves once nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running?.catch(() => {});
    await this.#others;
  }

  #run(work: () => Promise<void>): Promise<void> {
    this.#running ??= work().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #tick(): Promise<void> {
    if (this.#past('established', PASS_MS) && this.#established()) await this.#sweep('established');
    if (this.#past('pending', PASS_MS)) await this.#sweep('pending');
    if (this.#past('fdb', FDB_MS)) await this.#sweep('fdb');
    if (performance.now() - this.#alsoAt < PASS_MS || this.#others !== null) return;
    this.#alsoAt = performance.now();
    this.#others = this.#further().finally(() => {
      this.#others = null;
    });
  }

  /** Has counted anew, soon, who holds how many states. */
  countAnew(): void {
    this.#recount.ask();
  }

  /** A recount of a large table takes its time: no pass waits for it. */
  async #further(): Promise<void> {
    try {
      await this.#recount.turn();
      await this.#also();
    } catch (error) {
      this.#onError(error);
    }
  }

  #past(table: Table, milliseconds: number): boolean {
    return performance.now() - this.#began[table] >= milliseconds;
  }

  /**
   * Whether a state may have expired there: by what the last pass saw, or what packets did since. If they did
   * anything at all, what is there is counted now and then.
   */
  #established(): boolean {
    if (this.#past('established', REST_MS)) return true;
    const told = this.#dataplane.map('sweep_due').loadWord(0);
    const counting = Math.max(COUNT_MS, COUNT_SHARE * this.#took);
    if (told !== NEVER && this.#past('established', counting)) return true;
    return this.#dataplane.clock.now() >= (told < this.#next ? told : this.#next);
  }

  async #sweep(table: Table): Promise<void> {
    this.#began[table] = performance.now();
    // First: what packets say from here on may be of states that the pass has gone by.
    if (table === 'established') this.#dataplane.map('sweep_due').storeWord(0, NEVER);
    const stats = await sweepPass(this.#dataplane, table, () => this.#stopped);
    this.#live[table] = stats.live;
    if (table === 'established') {
      this.#next = stats.next;
      this.#took = performance.now() - this.#began[table];
    }
    this.#onPass(table, stats);
  }
}
