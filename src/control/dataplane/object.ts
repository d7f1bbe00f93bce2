/**
 * The dataplane in the kernel: loaded once, pinned, and from then on adopted by whichever daemon
 * comes along. A fresh load is pinned first and then adopted like any other, so both ways of
 * starting end in the same code.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  BpfError,
  BpfMap,
  BpfObject,
  BpfProgram,
  cpuCount,
  jiffiesPerSecond,
} from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { packageRoot } from '../package.js';
import { Clock } from './clock.js';
import { DataplaneError } from './errors.js';
import type { PinSet } from './pins.js';
import { Reasons } from './reasons.js';
import { cannotPin } from './requirements.js';

const MAP_NAMES = [
  'ports',
  'port_list',
  'mirror',
  'tx_ports',
  'node',
  'self_macs',
  'timeouts',
  'cell',
  'generations',
  'addresses',
  'services',
  'service_deny',
  'matrix',
  'members',
  'member_batch',
  'member_walk',
  'member_counts',
  'rule_counters',
  'outcomes',
  'pending',
  'established',
  'fdb',
  'fdb_counts',
  'log_window',
  'events',
  'event_losses',
  'sweep_stats',
  'state_passes',
  'picked',
] as const;
const PROGRAM_NAMES = [
  'xdp_wall',
  'tc_wall',
  'gate_wall',
  'redirect_failed',
  'transmit_failed',
  'explain_wall',
  'sweep_states',
  'sweep_fdb',
  'dump_states',
  'count_refused',
  'cut_refused',
  'kill_states',
  'read_clock',
  'change_members',
  'sweep_members',
  'copy_members',
  'dump_members',
] as const;
const REASONS_MAP = '.rodata.reasons';
const RING_BYTES = 1 << 18;
const PENDING_LEAST = 16384;

export type MapName = (typeof MAP_NAMES)[number];
export type ProgramName = (typeof PROGRAM_NAMES)[number];

/** Bytes of a key and a value where this build and a pinned map could disagree. */
const SHAPES: Partial<Record<MapName, readonly [number, number]>> = {
  ports: [4, layouts.port.size],
  port_list: [4, layouts.port.size],
  mirror: [4, 8],
  node: [4, layouts.node.size],
  cell: [4, layouts.cell.size],
  generations: [4, layouts.generation.size],
  member_walk: [4, layouts.memberWalk.size],
  member_counts: [4, layouts.memberCounts.size],
  rule_counters: [4, layouts.ruleCounter.size],
  established: [layouts.stateKey.size, layouts.state.size],
  pending: [layouts.stateKey.size, layouts.state.size],
  fdb: [layouts.fdbKey.size, layouts.fdbEntry.size],
};

export interface LoadOptions {
  /** The compiled object; default: the one that was built with this package. */
  readonly objectPath?: string;
  /** Entries of the table of established states; only a fresh load heeds it. */
  readonly maxStates: number;
}

/** Handles of the pinned dataplane. */
export class Dataplane implements Disposable {
  /** True when nothing was pinned before: every map is empty. */
  readonly fresh: boolean;
  /** Tag of the object that is pinned. */
  readonly tag: string;
  /** Tag of the object that this package was built with. */
  readonly builtTag: string;
  readonly rings: readonly BpfMap[];
  readonly reasons: Reasons;
  readonly clock: Clock;
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #programs: ReadonlyMap<string, BpfProgram>;

  private constructor(o: {
    fresh: boolean;
    tag: string;
    builtTag: string;
    maps: ReadonlyMap<string, BpfMap>;
    programs: ReadonlyMap<string, BpfProgram>;
    rings: readonly BpfMap[];
    reasons: Reasons;
  }) {
    this.fresh = o.fresh;
    this.tag = o.tag;
    this.builtTag = o.builtTag;
    this.#maps = o.maps;
    this.#programs = o.programs;
    this.rings = o.rings;
    this.reasons = o.reasons;
    this.clock = new Clock(this.program('read_clock'), jiffiesPerSecond());
  }

  /**
   * Adopts what is pinned, or loads and pins it first. Nothing is attached.
   * @throws DataplaneError `no-object`, `load`
   */
  static open(pins: PinSet, options: LoadOptions): Dataplane {
    const path = options.objectPath ?? builtObject();
    const builtTag = tagOf(path);
    const tag = pins.completeTag();
    if (tag !== undefined) return Dataplane.#adopt(pins, { fresh: false, tag, builtTag });
    // Remains of a first start or of a detach that was killed: nothing there is in use.
    pins.remove();
    try {
      loadAndPin(path, pins, options.maxStates);
      pins.complete(builtTag);
    } catch (error) {
      pins.remove();
      throw asLoadError(error, path);
    }
    return Dataplane.#adopt(pins, { fresh: true, tag: builtTag, builtTag });
  }

  static #adopt(pins: PinSet, o: { fresh: boolean; tag: string; builtTag: string }): Dataplane {
    const maps = new Map<string, BpfMap>();
    const programs = new Map<string, BpfProgram>();
    const rings: BpfMap[] = [];
    try {
      for (const name of MAP_NAMES) maps.set(name, BpfMap.adopt(pins.map(name)));
      for (const name of PROGRAM_NAMES) programs.set(name, BpfProgram.adopt(pins.program(name)));
      for (let cpu = 0; existsSync(pins.map(ringName(cpu))); cpu++) {
        rings.push(BpfMap.adopt(pins.map(ringName(cpu))));
      }
      checkShapes(maps);
      using table = BpfMap.adopt(pins.map(REASONS_MAP));
      const reasons = new Reasons(table.lookup(index(0)) ?? new Uint8Array());
      return new Dataplane({ ...o, maps, programs, rings, reasons });
    } catch (error) {
      for (const handle of [...maps.values(), ...programs.values(), ...rings]) handle.close();
      if (error instanceof DataplaneError) throw error;
      const words = error instanceof Error ? error.message : String(error);
      throw new DataplaneError(
        'load',
        `cannot adopt the pins in ${pins.directory} (${words}); bridgewalld --detach clears them`,
        { cause: error },
      );
    }
  }

  map(name: MapName): BpfMap {
    return this.#maps.get(name)!;
  }

  program(name: ProgramName): BpfProgram {
    return this.#programs.get(name)!;
  }

  /** Closes the handles; what is pinned stays. */
  close(): void {
    for (const handle of [...this.#maps.values(), ...this.#programs.values(), ...this.rings]) {
      handle.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Key of an array map. */
export function index(number: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(number);
  return key;
}

/** The object that was built with this package, found from the package's root. */
export function builtObject(): string {
  return join(packageRoot(), 'build', 'bpf', 'bridgewall.bpf.o');
}

function tagOf(path: string): string {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
  } catch {
    throw new DataplaneError('no-object', `${path}: cannot be read; run make build`);
  }
}

function ringName(cpu: number): string {
  return `events_${cpu}`;
}

function preparePins(pins: PinSet): void {
  try {
    pins.prepare();
  } catch (error) {
    throw cannotPin(pins.directory, error);
  }
}

function loadAndPin(path: string, pins: PinSet, maxStates: number): void {
  const object = BpfObject.open(path);
  try {
    object.setReadOnly({
      hz: jiffiesPerSecond(),
      test_clock: 0,
      netns: statSync('/proc/self/ns/net').ino,
      meta_secret: randomBytes(4).readUInt32LE(0),
    });
    object.setMaxEntries('established', maxStates);
    object.setMaxEntries('pending', Math.max(PENDING_LEAST, Math.floor(maxStates / 4)));
    object.load();
    preparePins(pins);
    const events = object.map('events');
    for (let cpu = 0; cpu < Math.min(cpuCount(), events.info.maxEntries); cpu++) {
      using ring = BpfMap.create({
        type: 'ringbuf',
        name: ringName(cpu),
        keySize: 0,
        valueSize: 0,
        maxEntries: RING_BYTES,
      });
      events.updateInner(index(cpu), ring);
      ring.pin(pins.map(ringName(cpu)));
    }
    for (const name of [...MAP_NAMES, REASONS_MAP]) object.map(name).pin(pins.map(name));
    for (const name of PROGRAM_NAMES) object.program(name).pin(pins.program(name));
  } finally {
    object.close();
  }
}

function checkShapes(maps: ReadonlyMap<string, BpfMap>): void {
  for (const [name, [key, value]] of Object.entries(SHAPES)) {
    const info = maps.get(name)!.info;
    if (info.keySize !== key || info.valueSize !== value) {
      throw new DataplaneError(
        'load',
        `the pinned map ${name} has another layout than this version; the wall stands as it is, bridgewalld --detach clears it`,
      );
    }
  }
}

function asLoadError(error: unknown, path: string): DataplaneError {
  if (error instanceof DataplaneError) return error;
  const words = error instanceof BpfError ? lastLine(error) : String(error);
  return new DataplaneError('load', `cannot load ${path}: ${words}`, { cause: error });
}

function lastLine(error: BpfError): string {
  const last = error.log.trim().split('\n').pop() ?? '';
  return last === '' || error.message.includes(last) ? error.message : `${error.message}: ${last}`;
}
