/**
 * From the set of programs and maps that is in force to one that is pinned beside it. Everything up to
 * `succeed` leaves the old wall as it is; everything after it can be done again by the next daemon,
 * which finds both sets.
 */
import { existsSync } from 'node:fs';
import {
  BpfError,
  type BpfMap,
  BpfProgram,
  type Carried,
  codec,
  type Types,
} from '../../../../native/lib/index.js';
import * as layouts from '../../../generated/layouts.js';
import { index } from '../array-key.js';
import type { PinnedSet, PinSet } from '../pins.js';
import { Carrier, type Side } from './carrier.js';
import { HANDOVER_FRAGS, HANDOVER_MAPS, HANDOVER_PROGRAMS } from './names.js';
import { swapPrograms } from './swap.js';
import { versionOfPins } from './versions.js';

const { Handover } = layouts;
const WALL_PROGRAMS = ['xdp_wall', 'tc_wall', 'gate_wall'] as const;
/** What stands in the place of a program of XDP where that takes frames of several buffers. */
const fragsOf = (program: string) => `${program}_frags`;
const FRAGS_PROGRAMS = [fragsOf('xdp_wall'), HANDOVER_FRAGS] as const;

/** What an upgrade did. */
export interface UpgradeReport {
  readonly from: string;
  readonly to: string;
  /** Names of maps that both versions use, and of those whose contents were carried over. */
  readonly shared: readonly string[];
  readonly migrated: readonly string[];
  /** Connections that were carried over, by table. */
  readonly states: Readonly<Record<'established' | 'pending', number>>;
  /** Elements that found no room. */
  readonly lost: number;
  /** False: the old programs could not be called from the new ones, and ports changed one by one. */
  readonly atOnce: boolean;
  readonly ms: number;
}

/** The policy that judges in the old wall, as far as another layout tells it. */
export interface OldPolicy {
  readonly generation: number;
  readonly epoch: number;
  /** Jiffies at which the generation on trial gives way; null: none is on trial. */
  readonly deadline: bigint | null;
  readonly fallback: number;
}

export class Upgrade {
  readonly #pins: PinSet;
  readonly #old: PinnedSet;
  readonly #new: PinnedSet;
  readonly #from: Side;
  readonly #to: Side;
  readonly #programs = new Map<string, BpfProgram>();
  readonly #carrier: Carrier;
  /** The new set is in force already: a daemon was killed on the way. */
  readonly #resumed: boolean;

  /** @param names of the maps of a wall */
  constructor(pins: PinSet, sets: { from: PinnedSet; to: PinnedSet }, names: readonly string[]) {
    this.#pins = pins;
    this.#old = sets.from;
    this.#new = sets.to;
    this.#resumed = pins.completeTag() === sets.to.tag;
    this.#from = versionOfPins(sets.from, names);
    this.#to = versionOfPins(sets.to, [...names, ...HANDOVER_MAPS]);
    const adopt = (name: string, path: string) => {
      if (existsSync(path)) this.#programs.set(name, BpfProgram.adopt(path));
    };
    for (const name of [...WALL_PROGRAMS, fragsOf('xdp_wall')]) {
      adopt(`old ${name}`, sets.from.program(name));
    }
    for (const name of FRAGS_PROGRAMS) adopt(name, sets.to.program(name));
    for (const name of [...WALL_PROGRAMS, ...HANDOVER_PROGRAMS]) {
      this.#programs.set(name, BpfProgram.adopt(sets.to.program(name)));
    }
    this.#carrier = new Carrier(this.#from, this.#to);
  }

  /** The policy is in maps of another layout: it must be put into the new ones first. */
  get policyMoves(): boolean {
    return !this.#resumed && !this.#isShared('generations');
  }

  /**
   * The old members of dynamic groups when they are kept in another way than today, which only who
   * knows both can carry over; null: they are not.
   */
  oldMembers(): { readonly map: BpfMap; readonly types: Types } | null {
    const map = this.#from.handles.get('members');
    const same = map?.info.type === this.#to.handles.get('members')?.info.type;
    return this.#resumed || map === undefined || same
      ? null
      : { map, types: this.#from.version.types };
  }

  /** The map itself is used by both. */
  #isShared(name: string): boolean {
    return this.#from.handles.get(name)?.info.id === this.#to.handles.get(name)?.info.id;
  }

  oldPolicy(): OldPolicy {
    const { types } = this.#from.version;
    const cells = codec<layouts.Cell>(types, 'cell');
    const generations = codec<layouts.Generation>(types, 'generation');
    const flag = types.enums.cell_flags?.CELL_UNCONFIRMED ?? 0;
    const read = (slot: number) =>
      generations.decode(this.#from.handles.get('generations')!.lookup(index(slot))!);
    const { slot, flags, epoch } = cells.decode(this.#from.handles.get('cell')!.lookup(index(0))!);
    const { number, deadline, fallback } = read(slot);
    const trial = (flags & flag) !== 0;
    return {
      generation: number,
      epoch,
      deadline: trial ? deadline : null,
      fallback: trial ? read(fallback).number : 0,
    };
  }

  /**
   * Does it. The new maps must hold all that the daemon writes by itself: ports, node, policy.
   * @throws BpfError; before the new set is in force the old one is put back
   */
  run(): UpgradeReport {
    const began = performance.now();
    let carried = new Map<string, Carried>();
    const atOnce = this.#arm();
    if (!this.#judges()) {
      try {
        if (!this.#resumed) this.#carrier.copy();
        if (atOnce) this.#swapToHandover();
        carried = this.#carrier.copy();
        if (!this.#resumed) this.#pins.succeed(this.#old.tag, this.#new.tag);
      } catch (error) {
        this.abandon();
        throw error;
      }
      this.#map('handover_stage').update(index(0), index(Handover.NEW));
    }
    this.#swapTo('xdp_wall', 'tc_wall');
    for (const [name, done] of this.#carrier.merge()) add(carried, name, done);
    this.#disarm();
    for (const [name, done] of this.#carrier.merge()) add(carried, name, done);
    this.#carrier.settle(
      this.#program('settle_states'),
      this.#map('settling_keys'),
      this.#map('settling_states'),
    );
    this.#carrier.addCounters();
    return this.#report(carried, atOnce, performance.now() - began);
  }

  /** Removes the old set, once nothing of it is attached any more. */
  retire(): void {
    this.#pins.retired(this.#old);
  }

  /** Goes back to the old programs and removes the new set. False: too late, that is in force. */
  abandon(): boolean {
    if (this.#pins.completeTag() === this.#new.tag) return false;
    this.#swapTo('old xdp_wall', 'old tc_wall', 'old gate_wall');
    this.#new.remove();
    this.#pins.notRetiring();
    return true;
  }

  close(): void {
    const maps = [...this.#from.handles.values(), ...this.#to.handles.values()];
    for (const handle of [...maps, ...this.#programs.values()]) handle.close();
  }

  /** True once the new programs judge. */
  #judges(): boolean {
    return this.#map('handover_stage').lookup(index(0))?.readUInt32LE(0) === Handover.NEW;
  }

  /** Tells the handover which programs there are. False: the kernel lets them not call each other. */
  #arm(): boolean {
    const put = (map: string, place: number, program: string) => {
      this.#map(map).update(index(place), index(this.#program(program).fd));
    };
    try {
      put('handover_xdp', Handover.NEW, 'xdp_wall');
      put('handover_tc', Handover.NEW, 'tc_wall');
      put('handover_xdp', Handover.OLD, 'old xdp_wall');
      put('handover_tc', Handover.OLD, 'old tc_wall');
      const [map, program] = [fragsOf('handover_xdp'), fragsOf('xdp_wall')];
      if (this.#programs.has(program)) put(map, Handover.NEW, program);
      if (this.#programs.has(`old ${program}`)) put(map, Handover.OLD, `old ${program}`);
      return true;
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.#disarm();
      return false;
    }
  }

  /** The old programs are called no more. */
  #disarm(): void {
    for (const map of ['handover_xdp', 'handover_xdp_frags', 'handover_tc']) {
      this.#to.handles.get(map)?.delete(index(Handover.OLD));
    }
  }

  #swapToHandover(): void {
    this.#swapTo('xdp_handover', 'tc_handover', 'old gate_wall');
  }

  #swapTo(xdp: string, tc: string, gate = 'gate_wall'): void {
    const ours = new Set([...this.#programs.values()].map((program) => program.info.id));
    const programs = {
      xdp: this.#program(xdp),
      xdpFrags: this.#programs.get(fragsOf(xdp)),
      tc: this.#program(tc),
      gate: this.#programs.get(gate) ?? this.#program('gate_wall'),
    };
    const frags = [...this.#programs].filter(([name]) => name.endsWith(fragsOf('')));
    const known = { ours, frags: new Set(frags.map(([, program]) => program.info.id)) };
    swapPrograms(this.#pins, programs, known, this.#devices());
  }

  #devices(): number[] {
    const list = this.#map('port_list');
    const port = codec<Pick<layouts.Port, 'ifindex'>>(this.#to.version.types, 'port');
    const found: number[] = [];
    for (let number = 0; number < list.info.maxEntries; number++) {
      const { ifindex } = port.decode(list.lookup(index(number))!);
      if (ifindex !== 0) found.push(ifindex);
    }
    return found;
  }

  #map(name: string): BpfMap {
    return this.#to.handles.get(name)!;
  }

  #program(name: string): BpfProgram {
    return this.#programs.get(name)!;
  }

  #report(carried: Map<string, Carried>, atOnce: boolean, ms: number): UpgradeReport {
    const states = (name: string) => carried.get(name)?.written ?? 0;
    const lost = [...carried.values()].reduce((sum, { failed }) => sum + failed, 0);
    const names = [...this.#to.version.maps.keys()];
    return {
      ...{ from: this.#old.tag, to: this.#new.tag, lost, atOnce, ms: Math.round(ms) },
      shared: names.filter((name) => this.#from.handles.has(name) && this.#isShared(name)),
      migrated: this.#carrier.maps,
      states: { established: states('established'), pending: states('pending') },
    };
  }
}

function add(all: Map<string, Carried>, name: string, more: Carried): void {
  const so = all.get(name);
  if (so === undefined) all.set(name, more);
  else {
    const [written, failed] = [so.written + more.written, so.failed + more.failed];
    all.set(name, { ...so, written, failed });
  }
}
