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
import { packageRoot } from '../package.js';
import { index } from './array-key.js';
import { Clock } from './clock.js';
import { DataplaneError } from './errors.js';
import type { PinnedSet, PinSet } from './pins.js';
import { Reasons } from './reasons.js';
import { cannotPin } from './requirements.js';
import { HANDOVER_FRAGS, HANDOVER_MAPS, HANDOVER_PROGRAMS } from './upgrade/names.js';
import { type Sharing, share } from './upgrade/stage.js';
import { Upgrade } from './upgrade/upgrade.js';
import { REASONS_MAP, readOnlyNumber } from './upgrade/versions.js';

export { index } from './array-key.js';

const MAP_NAMES = [
  'ports',
  'port_list',
  'mirror',
  'tx_ports',
  'tx_ports_frags',
  'node',
  'self_macs',
  'timeouts',
  'cell',
  'role',
  'pair',
  'heard',
  'probe_counters',
  'adoption',
  'birthdays',
  'changed_states4',
  'changed_states',
  'ended_states4',
  'ended_states',
  'changed_children',
  'change_stats',
  'import_batch',
  'closed_buckets',
  'touched',
  'bucket_pass',
  'digests',
  'generations',
  'judging_since',
  'watches',
  'addresses',
  'services',
  'service_deny',
  'matrix',
  'alternatives',
  'rule_limits',
  'members',
  'member_batch',
  'member_walk',
  'member_counts',
  'member_digests',
  'rule_counters',
  'rule_allowances',
  'source_allowances',
  'holders',
  'colour',
  'outcomes',
  'pending',
  'established',
  'sessions',
  'session_stats',
  'session_ring',
  'detour',
  'expectations',
  'children',
  'fdb',
  'fdb_counts',
  'fdb_changes',
  'log_window',
  'events',
  'event_losses',
  'sweep_stats',
  'sweep_due',
  'slices',
  'state_passes',
  'picked',
] as const;
const PROGRAM_NAMES = [
  'xdp_wall',
  'xdp_wall_frags',
  'tc_wall',
  'gate_wall',
  'detour_out',
  'detour_end',
  'read_expectations',
  'redirect_failed',
  'transmit_failed',
  'explain_wall',
  'sweep_states',
  'sweep_fdb',
  'recount_states',
  'recount_holders',
  'sweep_sessions',
  'dump_states',
  'list_states',
  'count_refused',
  'cut_refused',
  'kill_states',
  'read_clock',
  'import_changes',
  'teach_addresses',
  'digest_states',
  'tell_states',
  'tell_children',
  'drop_states',
  'change_members',
  'sweep_members',
  'copy_members',
  'dump_members',
  'digest_members',
] as const;
const RING_BYTES = 1 << 18;
const PENDING_LEAST = 16384;
const RULES_LEAST = 131072;

export type MapName = (typeof MAP_NAMES)[number];
export type ProgramName = (typeof PROGRAM_NAMES)[number];

export interface LoadOptions {
  /** The compiled object; default: the one that was built with this package. */
  readonly objectPath?: string;
  /** Entries of the table of established states; only a load of that table heeds it. */
  readonly maxStates: number;
  /** Rules of two policies, for the one before keeps its counters; default: what the object says. */
  readonly maxRules?: number;
}

const STANDING = { fresh: false, upgrade: null, held: '' } as const;

/** Handles of the pinned dataplane. */
export class Dataplane implements Disposable {
  /** True when nothing was pinned before: every map is empty. */
  readonly fresh: boolean;
  /** Tag of the object that is pinned. */
  readonly tag: string;
  /** Tag of the object that this package was built with. */
  readonly builtTag: string;
  /**
   * Not null: this is the set of another version than the one that judges, and stands ready. Once the
   * daemon has written what it writes, `run` makes it judge.
   */
  readonly upgrade: Upgrade | null;
  /** Why the running version stays although another was built; '' when there is no reason. */
  readonly held: string;
  readonly rings: readonly BpfMap[];
  readonly reasons: Reasons;
  readonly clock: Clock;
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #programs: ReadonlyMap<string, BpfProgram>;

  private constructor(o: {
    fresh: boolean;
    tag: string;
    builtTag: string;
    upgrade: Upgrade | null;
    held: string;
    maps: ReadonlyMap<string, BpfMap>;
    programs: ReadonlyMap<string, BpfProgram>;
    rings: readonly BpfMap[];
    reasons: Reasons;
  }) {
    this.fresh = o.fresh;
    this.tag = o.tag;
    this.builtTag = o.builtTag;
    this.upgrade = o.upgrade;
    this.held = o.held;
    this.#maps = o.maps;
    this.#programs = o.programs;
    this.rings = o.rings;
    this.reasons = o.reasons;
    this.clock = new Clock(this.program('read_clock'), jiffiesPerSecond());
  }

  /**
   * Adopts what is pinned, or loads and pins it first. Nothing is attached. What is pinned by another
   * version stays in force: the new one is pinned beside it, see `upgrade`.
   * @throws DataplaneError `no-object`, `load`
   */
  static open(pins: PinSet, options: LoadOptions): Dataplane {
    const path = options.objectPath ?? builtObject();
    const builtTag = tagOf(path);
    const tag = pins.completeTag();
    if (tag === undefined) return Dataplane.#openFresh(pins, path, builtTag, options);
    finishUpgrade(pins);
    dropStrays(pins);
    if (tag === builtTag) return Dataplane.#adopt(pins.inForce(), { ...STANDING, tag, builtTag });
    return Dataplane.#openUpgrade(pins, path, { tag, builtTag }, options);
  }

  static #openFresh(pins: PinSet, path: string, tag: string, options: LoadOptions): Dataplane {
    // Remains of a first start or of a detach that was killed: nothing there is in use.
    pins.remove();
    try {
      loadAndPin(path, pins, tag, options);
      pins.complete(tag);
    } catch (error) {
      pins.remove();
      throw asLoadError(error, path);
    }
    const fresh = { ...STANDING, fresh: true, tag, builtTag: tag };
    return Dataplane.#adopt(pins.inForce(), fresh);
  }

  static #openUpgrade(
    pins: PinSet,
    path: string,
    tags: { tag: string; builtTag: string },
    options: LoadOptions,
  ): Dataplane {
    let interchangeable = false;
    try {
      loadAndPin(path, pins, tags.builtTag, options, (sharing) => {
        interchangeable = sharing.interchangeable;
      });
      const to = pins.set(tags.builtTag);
      const upgrade = new Upgrade(pins, { from: pins.inForce(), to }, MAP_NAMES);
      return Dataplane.#adopt(to, { ...STANDING, ...tags, tag: tags.builtTag, upgrade });
    } catch (error) {
      pins.set(tags.builtTag).remove();
      const refusal = asLoadError(error, path);
      if (interchangeable) {
        return Dataplane.#adopt(pins.inForce(), { ...STANDING, ...tags, held: refusal.message });
      }
      const stands = 'the wall stands as it is, with the programs of the version before';
      throw new DataplaneError('load', `${refusal.message}; ${stands}`, { cause: error });
    }
  }

  static #adopt(
    set: PinnedSet,
    o: { fresh: boolean; tag: string; builtTag: string; upgrade: Upgrade | null; held: string },
  ): Dataplane {
    const maps = new Map<string, BpfMap>();
    const programs = new Map<string, BpfProgram>();
    const rings: BpfMap[] = [];
    try {
      for (const name of MAP_NAMES) maps.set(name, BpfMap.adopt(set.map(name)));
      for (const name of PROGRAM_NAMES) programs.set(name, BpfProgram.adopt(set.program(name)));
      for (let cpu = 0; existsSync(set.map(ringName(cpu))); cpu++) {
        rings.push(BpfMap.adopt(set.map(ringName(cpu))));
      }
      using table = BpfMap.adopt(set.map(REASONS_MAP));
      const reasons = new Reasons(table.lookup(index(0)) ?? new Uint8Array());
      return new Dataplane({ ...o, maps, programs, rings, reasons });
    } catch (error) {
      for (const handle of [...maps.values(), ...programs.values(), ...rings]) handle.close();
      o.upgrade?.close();
      if (error instanceof DataplaneError) throw error;
      const words = error instanceof Error ? error.message : String(error);
      throw new DataplaneError(
        'load',
        `cannot adopt the pins in ${set.directory} (${words}); bridgewalld --detach clears them`,
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
    this.upgrade?.close();
    for (const handle of [...this.#maps.values(), ...this.#programs.values(), ...this.rings]) {
      handle.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
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

function preparePins(pins: PinSet, tag: string): PinnedSet {
  try {
    return pins.prepare(tag);
  } catch (error) {
    throw cannotPin(pins.directory, error);
  }
}

/**
 * Loads an object and pins it as a set of its own. Over a wall that stands it shares those maps that
 * mean the same to both, and the secret by which frames on their way are known.
 */
function loadAndPin(
  path: string,
  pins: PinSet,
  tag: string,
  { maxStates, maxRules = 0 }: LoadOptions,
  onSharing?: (sharing: Sharing) => void,
): void {
  const old = onSharing === undefined ? undefined : pins.inForce();
  const secret = old && readOnlyNumber(old.program('tc_wall'), 'meta_secret');
  const object = BpfObject.open(path);
  using sharing = old && share(object, old, MAP_NAMES);
  if (sharing !== undefined) onSharing?.(sharing);
  try {
    object.setReadOnly({
      hz: jiffiesPerSecond(),
      test_clock: 0,
      netns: statSync('/proc/self/ns/net').ino,
      meta_secret: secret ?? randomBytes(4).readUInt32LE(0),
    });
    for (const [map, entries] of [
      ['established', maxStates],
      ['pending', Math.max(PENDING_LEAST, Math.floor(maxStates / 4))],
      ['sessions', maxStates + Math.max(PENDING_LEAST, Math.floor(maxStates / 4))],
      ['rule_counters', Math.max(RULES_LEAST, maxRules)],
      ['rule_allowances', Math.max(RULES_LEAST, maxRules)],
    ] as const) {
      // What was in the old table must find room.
      const most = Math.max(entries, sharing?.entriesOf(map) ?? 0);
      if (!sharing?.names.has(map)) object.setMaxEntries(map, most);
    }
    object.load();
    const set = preparePins(pins, tag);
    pinRings(object, set, sharing?.names.has('events') ? old : undefined);
    for (const name of [...MAP_NAMES, ...HANDOVER_MAPS, REASONS_MAP]) {
      object.map(name).pin(set.map(name));
    }
    for (const name of [...PROGRAM_NAMES, ...HANDOVER_PROGRAMS, HANDOVER_FRAGS]) {
      object.program(name).pin(set.program(name));
    }
  } finally {
    object.close();
  }
}

/** One ring per CPU: new ones, or those of the set that the map of rings is shared with. */
function pinRings(object: BpfObject, set: PinnedSet, old: PinnedSet | undefined): void {
  const events = object.map('events');
  for (let cpu = 0; cpu < Math.min(cpuCount(), events.info.maxEntries); cpu++) {
    const name = ringName(cpu);
    const there = old?.map(name);
    if (there !== undefined && existsSync(there)) {
      using ring = BpfMap.adopt(there);
      ring.pin(set.map(name));
      continue;
    }
    using ring = BpfMap.create({
      ...{ type: 'ringbuf', name, keySize: 0, valueSize: 0 },
      maxEntries: RING_BYTES,
    });
    events.updateInner(index(cpu), ring);
    ring.pin(set.map(name));
  }
}

/** An upgrade that was killed on the way needs nothing but the programs and maps that it pinned. */
function finishUpgrade(pins: PinSet): void {
  const from = pins.retiring();
  if (from === undefined) return;
  const upgrade = new Upgrade(pins, { from, to: pins.inForce() }, MAP_NAMES);
  try {
    upgrade.run();
    upgrade.retire();
  } finally {
    upgrade.close();
  }
}

/**
 * Sets of upgrades that were killed before they were in force: a port may still call on from their
 * programs to the old ones, which end with the set, so those are put back first.
 */
function dropStrays(pins: PinSet): void {
  for (const to of pins.strays()) {
    if (HANDOVER_PROGRAMS.every((name) => existsSync(to.program(name)))) {
      const upgrade = new Upgrade(pins, { from: pins.inForce(), to }, MAP_NAMES);
      upgrade.abandon();
      upgrade.close();
    } else {
      to.remove();
    }
  }
  pins.notRetiring();
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
