/**
 * Passes over the live states that the kernel makes at our asking (bpf/rejudge.h): to count what a
 * policy would refuse, to end what the installed one refuses, to end what an operator picks. They go in
 * slices, and no state ever gets here. Those that list states are in state-listing.ts.
 */
import * as layouts from '../../generated/layouts.js';
import { index, type ProgramName } from './object.js';
import { Picks } from './picks.js';
import { Serial } from './serial.js';
import { countStates, type Listed, listStates } from './state-listing.js';
import { holdFilter, type StateSelection } from './state-selection.js';
import { visitAll } from './visit.js';

const { Pass } = layouts;
/** A pass that changed something is made again, for it may have passed over what moved meanwhile. */
const MOST_PASSES = 4;
/** Pending first: what is promoted meanwhile is met again in the other. */
const TABLES = ['pending', 'established'] as const;

interface PassKind {
  readonly number: number;
  readonly program: ProgramName;
  /** Passes of one kind share an element of a map. */
  readonly serial: Serial;
}

/** What came of one pass over both tables. */
interface PassResult {
  readonly hit: number;
  readonly missed: number;
}

export class StatePasses {
  readonly #dataplane: Listed;
  readonly #picks: Picks;
  readonly #count = kind(Pass.COUNT, 'count_refused');
  readonly #cut = kind(Pass.CUT, 'cut_refused');
  readonly #kill = kind(Pass.KILL, 'kill_states');

  constructor(dataplane: Listed) {
    this.#dataplane = dataplane;
    this.#picks = new Picks(dataplane);
  }

  /** How many live states the generation in a slot would refuse; it need not be switched to. */
  count(slot: number): Promise<number> {
    return this.#count.serial.run(async () => (await this.#pass(this.#count, { slot })).hit);
  }

  /** Ends the live states that the generation of now refuses; returns how many. */
  cut(): Promise<number> {
    return this.#cut.serial.run(() => this.#repeat(this.#cut, {}));
  }

  /**
   * Ends live states, allowed or not; returns how many.
   * @throws DataplaneError `busy` when too many filters name addresses
   */
  kill(selection: StateSelection): Promise<number> {
    return this.#kill.serial.run(async () => {
      using held = holdFilter(selection, this.#dataplane.clock, this.#picks);
      return await this.#repeat(this.#kill, { filter: held.filter });
    });
  }

  /**
   * Live states as rows, struct state_row, in batches; `most` of them at most. Any number of listings may
   * be under way.
   * @throws DataplaneError `busy` when too many filters name addresses
   */
  async *list(selection: StateSelection, most = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
    using held = holdFilter(selection, this.#dataplane.clock, this.#picks);
    yield* listStates(this.#dataplane, held.filter, most);
  }

  /** How many live states there are. @throws DataplaneError `busy` */
  async matching(selection: StateSelection): Promise<number> {
    using held = holdFilter(selection, this.#dataplane.clock, this.#picks);
    return await countStates(this.#dataplane, held.filter);
  }

  async #repeat(kind: PassKind, order: Partial<layouts.StatePass>): Promise<number> {
    let hits = 0;
    for (let passes = 0; passes < MOST_PASSES; passes++) {
      const { hit, missed } = await this.#pass(kind, order);
      hits += hit;
      if (hit === 0 && missed === 0) break;
    }
    return hits;
  }

  async #pass(kind: PassKind, order: Partial<layouts.StatePass>): Promise<PassResult> {
    const passes = this.#dataplane.map('state_passes');
    const blank = layouts.statePass.decode(Buffer.alloc(layouts.statePass.size));
    passes.update(index(kind.number), layouts.statePass.encode({ ...blank, ...order }));
    for (const table of TABLES) await visitAll(this.#dataplane, kind.program, table);
    const { hit, missed } = layouts.statePass.decode(passes.lookup(index(kind.number))!);
    return { hit: Number(hit), missed: Number(missed) };
  }
}

function kind(number: number, program: ProgramName): PassKind {
  return { number, program, serial: new Serial() };
}
