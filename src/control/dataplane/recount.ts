/**
 * Counts anew who holds how many established states (bpf/holders.h), so that a count that went wrong
 * is right again: limits come and go with policies, and an upgrade carries states over.
 */
import { setTimeout as pause } from 'node:timers/promises';
import * as layouts from '../../generated/layouts.js';
import { type Dataplane, index } from './object.js';
import { visitAll } from './visit.js';

const { CellFlags, GenerationFlags } = layouts;
/** Packets that read the colour before are through with it by then. */
const SETTLE_MS = 20;
/** Turns between two counts, of a second or so each: what goes wrong, goes wrong with another policy. */
const EVERY = 60;
/** The first turns states over that limits of long ago left in the colour of now; the second is right. */
const TWICE = 2;

export class Recount {
  readonly #dataplane: Pick<Dataplane, 'map' | 'program'>;
  /** Slot and epoch of the policy that was counted under. */
  #counted = '';
  #owed = TWICE;
  #turns = 0;

  constructor(dataplane: Pick<Dataplane, 'map' | 'program'>) {
    this.#dataplane = dataplane;
  }

  /** Has the next turn count, whatever it is due for. */
  ask(): void {
    this.#owed = TWICE;
  }

  /** About once a second: counts when it is time, and at once when another policy judges. */
  async turn(): Promise<void> {
    const { policy, limited } = this.#judging();
    if (policy !== this.#counted) {
      this.#counted = policy;
      this.#owed = TWICE;
    }
    this.#turns++;
    if (limited && this.#turns % EVERY === 0) this.#owed = Math.max(1, this.#owed);
    for (; this.#owed > 0; this.#owed--) await this.count();
  }

  /** Turns every state to the other colour; what the one before still counts was wrong. */
  async count(): Promise<void> {
    const colour = this.#dataplane.map('colour');
    colour.update(index(0), index(1 - colour.lookup(index(0))!.readUInt32LE(0)));
    await pause(SETTLE_MS);
    if (this.#judging().limited) await visitAll(this.#dataplane, 'recount_states', 'established');
    await visitAll(this.#dataplane, 'recount_holders', 'holders');
  }

  /** Which policy judges, or may in a moment, and whether anything in it limits states. */
  #judging(): { policy: string; limited: boolean } {
    const cell = layouts.cell.decode(this.#dataplane.map('cell').lookup(index(0))!);
    const now = this.#generation(cell.slot);
    const flags =
      cell.flags & CellFlags.UNCONFIRMED
        ? now.flags | this.#generation(now.fallback).flags
        : now.flags;
    const limited = (flags & GenerationFlags.HOLDERS) !== 0;
    return { policy: `${cell.slot} ${now.number} ${cell.flags}`, limited };
  }

  #generation(slot: number): layouts.Generation {
    return layouts.generation.decode(this.#dataplane.map('generations').lookup(index(slot))!);
  }
}
