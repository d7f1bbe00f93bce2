/**
 * Frees what has expired: states, half-open states, learned addresses. What has expired is absent
 * for packets anyhow; sweeping makes room. Once a second, in slices on a thread of its own; a pass over the established states
 * only when one of them may have expired, see decision 24.
 */
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index, type MapName, type ProgramName } from './object.js';
import { Recount } from './recount.js';
import { visitAside } from './visit.js';

/** Between the beginnings of two passes. */
const PASS_MS = 450;
/** What packets say is looked at so often, and sooner only when something is about to be over. */
const LOOK_MS = PASS_MS;
const LEAST_MS = 25;
/** Passes without need: for an end that was told too late, and for one that nobody told of. */
const REST_MS = 60_000;
const ONCE_MS = 10 * REST_MS;
/** Passes over `pending` in which nothing is known to be over: it makes room by itself where it has to. */
const QUIET_MS = REST_MS;
/** Passes that count what has come. */
const COUNT_MS = 5000;
/** The share of a CPU that passes take which nobody waits for: one part in so many. */
const SHARE = 100;
/** Losses are told, and limits counted anew. */
const ALSO_MS = 2 * PASS_MS;
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
  /** Jiffies: before that nothing that the last pass saw alive has expired. */
  readonly #next: Record<Table, bigint> = { established: 0n, pending: 0n, fdb: 0n };
  /** Milliseconds of the last pass. */
  readonly #took: Record<Table, number> = { established: 0, pending: 0, fdb: 0 };
  #read = { at: Number.NEGATIVE_INFINITY, jiffies: 0n };
  /** What the last pass over `established` met, and when somebody was told. */
  #last: PassStats | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;
  #alsoAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #others: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  /**
   * @param also further sweeping of the same rhythm
   * @param onPass told of each pass, and now and then of what another one would meet
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
    this.#schedule(LEAST_MS);
  }

  /** States alive now. */
  async count(): Promise<Pick<LiveCounts, 'established' | 'pending'>> {
    // A pass under way may have begun before what the caller asks about.
    if (this.#running !== null) await this.#running.catch(() => {});
    await this.#run(async () => {
      if (this.#counted()) this.#tellAgain();
      else await this.#sweep('established');
      await this.#sweep('pending');
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

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#run(() => this.#tick())
        .catch(this.#onError)
        .finally(() => {
          if (!this.#stopped) this.#schedule(this.#rest());
        });
    }, ms);
    this.#timer.unref();
  }

  /** Milliseconds until there may be something to do. */
  #rest(): number {
    const { established, pending } = this.#began;
    const now = performance.now();
    const times = [established + PASS_MS, pending + PASS_MS, this.#timeOf(this.#due())];
    const soon = times.map((time) => time - now).filter((ms) => ms > 0);
    return Math.max(LEAST_MS, Math.min(LOOK_MS, ...soon));
  }

  async #tick(): Promise<void> {
    if (performance.now() - this.#toldAt >= COUNT_MS && this.#counted()) this.#tellAgain();
    if (this.#past('established', PASS_MS) && this.#established()) await this.#sweep('established');
    if (this.#past('pending', PASS_MS) && this.#pending()) await this.#sweep('pending');
    if (this.#past('fdb', FDB_MS)) await this.#sweep('fdb');
    if (performance.now() - this.#alsoAt < ALSO_MS || this.#others !== null) return;
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
    const told = this.#dataplane.map('sweep_due').loadWord(0);
    if (this.#past('established', told === NEVER ? ONCE_MS : REST_MS)) return true;
    const counting = Math.max(COUNT_MS, SHARE * this.#took.established);
    if (told !== NEVER && this.#past('established', counting)) return true;
    return this.#over(this.#due());
  }

  /** Jiffies from which on a state may have expired. */
  #due(): bigint {
    const told = this.#dataplane.map('sweep_due').loadWord(0);
    const next = this.#next.established;
    return told < next ? told : next;
  }

  /**
   * The table makes room by itself, so its passes keep to their share: while what a burst has left is over one
   * after the other, each of them would go by all the rest.
   */
  #pending(): boolean {
    if (!this.#past('pending', SHARE * this.#took.pending)) return false;
    return this.#past('pending', QUIET_MS) || this.#over(this.#next.pending);
  }

  /** Nothing was opened, has changed or has expired since the last pass: what that counted is so. */
  #counted(): boolean {
    const told = this.#dataplane.map('sweep_due').loadWord(0);
    return told === NEVER && this.#dataplane.clock.now() < this.#next.established;
  }

  /** Whoever counts by passes hears of another one that would have met the same. */
  #tellAgain(): void {
    this.#toldAt = performance.now();
    if (this.#last !== null) this.#onPass('established', this.#last);
  }

  #over(due: bigint): boolean {
    // Far from it, there is no need to ask the kernel.
    if (this.#timeOf(due) - performance.now() > LOOK_MS) return false;
    // One reading of the clock does for one look at everything.
    const at = performance.now();
    if (at - this.#read.at > LEAST_MS / 2) {
      this.#read = { at, jiffies: this.#dataplane.clock.now() };
    }
    return this.#read.jiffies >= due;
  }

  /** When that will be, about, as `performance.now` tells it; before the first reading of the clock, long ago. */
  #timeOf(due: bigint): number {
    if (due === NEVER) return Number.POSITIVE_INFINITY;
    const { at, jiffies } = this.#read;
    return at + (Number(due - jiffies) * 1000) / this.#dataplane.clock.hz;
  }

  async #sweep(table: Table): Promise<void> {
    this.#began[table] = performance.now();
    // First: what packets say from here on may be of states that the pass has gone by.
    if (table === 'established') this.#dataplane.map('sweep_due').storeWord(0, NEVER);
    // Should the pass fail, it is owed.
    this.#next[table] = 0n;
    const stats = await sweepPass(this.#dataplane, table, () => this.#stopped);
    this.#live[table] = stats.live;
    this.#next[table] = stats.next;
    this.#took[table] = performance.now() - this.#began[table];
    if (table === 'established') {
      this.#last = stats;
      this.#toldAt = performance.now();
    }
    this.#onPass(table, stats);
  }
}
