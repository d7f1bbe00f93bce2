/**
 * Passes over the live states that the kernel makes at our asking (bpf/rejudge.h): to count what a
 * policy would refuse, to end what the installed one refuses, to end what an operator picks. They go in
 * slices, and no state ever gets here.
 */
import * as layouts from '../../generated/layouts.js';
import type { Prefix } from '../policy/index.js';
import { slices } from './iterate.js';
import { type Dataplane, index, type ProgramName } from './object.js';
import { Serial } from './serial.js';

const { FilterField, Pass } = layouts;
/** States of one slice: what it cuts must fit into a ring of events. */
const SLICE = 1024;
/** A pass that changed something is made again, for it may have passed over what moved meanwhile. */
const MOST_PASSES = 4;
/** Pending first: what is promoted meanwhile is met again in the other. */
const TABLES = ['pending', 'established'] as const;

/** States to end; every field that is set must match. */
export interface StateSelection {
  /** IP protocol. */
  readonly proto?: number;
  /** `enum phase`. */
  readonly phase?: number;
  /** Of either end. */
  readonly port?: number;
  /** Of either tag. */
  readonly vlan?: number;
  /** Of either end. */
  readonly prefix?: Prefix;
  /** Either end is one of these, 16 bytes each. */
  readonly addresses?: readonly Uint8Array[];
}

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
  readonly #dataplane: Pick<Dataplane, 'map' | 'program'>;
  readonly #count = kind(Pass.COUNT, 'count_refused');
  readonly #cut = kind(Pass.CUT, 'cut_refused');
  readonly #kill = kind(Pass.KILL, 'kill_states');

  constructor(dataplane: Pick<Dataplane, 'map' | 'program'>) {
    this.#dataplane = dataplane;
  }

  /** How many live states the generation in a slot would refuse; it need not be switched to. */
  count(slot: number): Promise<number> {
    return this.#count.serial.run(async () => (await this.#pass(this.#count, { slot })).hit);
  }

  /** Ends the live states that the generation of now refuses; returns how many. */
  cut(): Promise<number> {
    return this.#cut.serial.run(() => this.#repeat(this.#cut, {}));
  }

  /** Ends live states, allowed or not; returns how many. */
  kill(selection: StateSelection): Promise<number> {
    return this.#kill.serial.run(async () => {
      const picked = this.#dataplane.map('picked');
      const { addresses = [] } = selection;
      // The map outlives a daemon that was killed in a pass, and what it had picked with it.
      this.#emptyPicked();
      try {
        for (const address of addresses) picked.update(address, index(1));
        return await this.#repeat(this.#kill, { filter: filterOf(selection) });
      } finally {
        this.#emptyPicked();
      }
    });
  }

  #emptyPicked(): void {
    const picked = this.#dataplane.map('picked');
    for (const { keys, count } of [...picked.entries()]) picked.deleteBatch(keys, count);
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
    const program = this.#dataplane.program(kind.program);
    for (const table of TABLES) {
      for await (const _ of slices(program, this.#dataplane.map(table), SLICE));
    }
    const { hit, missed } = layouts.statePass.decode(passes.lookup(index(kind.number))!);
    return { hit: Number(hit), missed: Number(missed) };
  }
}

function kind(number: number, program: ProgramName): PassKind {
  return { number, program, serial: new Serial() };
}

function filterOf(selection: StateSelection): layouts.StateFilter {
  const { proto, phase, port, vlan, prefix, addresses } = selection;
  const mask = maskOf(prefix?.length ?? 0);
  const bytes = prefix?.address.map((byte, i) => byte & mask[i]!) ?? new Uint8Array(16);
  let fields = 0;
  if (proto !== undefined) fields |= FilterField.PROTO;
  if (phase !== undefined) fields |= FilterField.PHASE;
  if (port !== undefined) fields |= FilterField.PORT;
  if (vlan !== undefined) fields |= FilterField.VLAN;
  if (prefix !== undefined) fields |= FilterField.ADDRESS;
  if (addresses !== undefined) fields |= FilterField.PICKED;
  return {
    fields,
    port: port ?? 0,
    vlan: vlan ?? 0,
    proto: proto ?? 0,
    phase: phase ?? 0,
    family: prefix?.family ?? 0,
    pad: 0,
    address: { byte: bytes },
    mask: { byte: mask },
  };
}

function maskOf(length: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => {
    const bits = Math.min(8, Math.max(0, length - i * 8));
    return (0xff00 >> bits) & 0xff;
  });
}
