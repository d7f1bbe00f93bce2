/**
 * A wall of today turned into one of an older version: the programs and maps of a fixture take the
 * place of those that stand, with what is in them written by the fixture's own types. Bridge, tables and
 * stored policies stay.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  BpfLink,
  BpfMap,
  BpfObject,
  type Btf,
  Conversion,
  codec,
  cpuCount,
  jiffiesPerSecond,
  type LoadedTypes,
  MapFlags,
  sizeOf,
} from '../../../native/lib/index.js';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { builtObject } from '../../../src/control/dataplane/object.js';
import { LINK_HOOKS } from '../../../src/control/dataplane/pins.js';
import { HANDOVER_MAPS } from '../../../src/control/dataplane/upgrade/names.js';
import { ruleOf } from '../../../src/control/dataplane/upgrade/rules.js';
import { ROOT } from '../../../src/lab/root.js';
import type { Bench } from '../daemon/bench.js';

/** `today`: what was built, under another tag. */
export type Fixture = 'first' | 'reordered' | 'windowed' | 'today';

/** Inner maps of the policy: their structs, and whether they are arrays. */
const INNER = {
  addresses: { key: 'address_key', value: 'address_class', type: 'hash', flags: 0 },
  services: { key: '', value: 'service_page', type: 'array', flags: MapFlags.MMAPABLE },
  service_deny: { key: '', value: 'service_class', type: 'array', flags: MapFlags.MMAPABLE },
  alternatives: {
    key: '',
    value: 'alternative',
    type: 'array',
    flags: MapFlags.MMAPABLE | MapFlags.INNER_MAP,
  },
  rule_limits: { key: '', value: 'rule_limit', type: 'hash', flags: 0 },
  matrix: { key: 'matrix_key', value: 'matrix_entry', type: 'hash', flags: 0 },
  members: { key: 'member_key', value: 'member', type: 'hash', flags: MapFlags.NO_PREALLOC },
} as const;
/** Kinds of map that hold no plain values. */
const DEVMAP = 14;
const ARRAY_OF_MAPS = 12;
const SIZED = ['established', 'pending'];
const RINGS = 'events';
const PASSING: readonly string[] = HANDOVER_MAPS;
/** 192.0.2.1 and 192.0.2.2. */
const MEMBERS = ['01', '02'];
const HOOK_PROGRAMS = { xdp: 'xdp_wall', tcx: 'tc_wall', gate: 'gate_wall' } as const;
const TRACING = ['redirect_failed', 'transmit_failed'];

/** The object of a fixture, unpacked into the lab's directory. */
export function unpack(bench: Bench, fixture: Fixture): string {
  const path = join(bench.lab.directory, `${fixture}.o`);
  if (fixture === 'today') {
    // What follows the sections of an object means nothing.
    writeFileSync(path, Buffer.concat([readFileSync(builtObject()), Buffer.alloc(8)]));
    return path;
  }
  const packed = join(ROOT, 'test/lab/upgrade/fixtures', `${fixture}.o.gz`);
  writeFileSync(path, gunzipSync(readFileSync(packed)));
  return path;
}

/** Programs of older versions that a kernel in lockdown refuses. An upgrade has no use for them. */
const ITERATORS: ReadonlySet<string> = new Set([
  ...['sweep_states', 'sweep_fdb', 'dump_states', 'count_refused', 'cut_refused', 'kill_states'],
  ...['sweep_members', 'copy_members', 'dump_members'],
]);

/** No daemon may run. Returns the tag of the older version. */
export function makeOlder(bench: Bench, fixture: Fixture, states = 4096): string {
  const path = unpack(bench, fixture);
  const tag = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
  const pins = new PinSet(bench.pins, 'fw-1');
  const today = pins.inForce();
  using object = BpfObject.open(path);
  object.setReadOnly({
    hz: jiffiesPerSecond(),
    test_clock: 0,
    netns: Number(/\d+/.exec(bench.wall.exec('readlink', '/proc/self/ns/net'))![0]),
    meta_secret: 0x0bed0bed,
  });
  for (const map of SIZED) object.setMaxEntries(map, states);
  const programs = object.programs().filter((name) => fixture === 'today' || !ITERATORS.has(name));
  for (const name of object.programs()) object.setAutoload(name, programs.includes(name));
  object.load();
  // Where the first version had its pins.
  const place = (kind: string, name: string) =>
    join(pins.directory, kind, name.replaceAll('.', '%2e'));
  for (const kind of ['maps', 'progs']) mkdirSync(join(pins.directory, kind), { recursive: true });
  const types = object.btf();
  for (const name of object.maps()) {
    const map = object.map(name);
    if (name.startsWith('.') && name !== '.rodata.reasons') continue;
    map.pin(place('maps', name));
    if (!existsSync(today.map(name)) || PASSING.includes(name)) continue;
    using from = BpfMap.adopt(today.map(name));
    if (name in INNER && map.info.type === ARRAY_OF_MAPS)
      carryInner(name as keyof typeof INNER, from, map, types, today.map('.rodata.reasons'));
    else if (name === 'timeouts')
      carryTimeouts(from, map, typesOf(today.map('.rodata.reasons')), types);
    else if (map.info.type === DEVMAP) carryDevices(bench, from, place('maps', name));
    else if (name === 'members') addMembers(map, types);
    else if (from.types()?.key !== undefined && name !== RINGS && !name.startsWith('.')) {
      from.carry(map, { ...conversions(from.types()!, types, name), present: 'replace' });
    }
  }
  for (let cpu = 0; cpu < cpuCount(); cpu++) {
    const name = `events_${cpu}`;
    using ring = BpfMap.create({
      ...{ type: 'ringbuf', name, keySize: 0, valueSize: 0, maxEntries: 1 << 18 },
    });
    object.map(RINGS).updateInner(key(cpu), ring);
    ring.pin(place('maps', name));
  }
  for (const name of programs) object.program(name).pin(place('progs', name));

  for (const hook of LINK_HOOKS) {
    for (const number of pins.links(hook)) {
      using link = BpfLink.adopt(pins.link(number, hook));
      const frags = `${HOOK_PROGRAMS[hook]}_frags`;
      const name = programs.includes(frags) ? frags : HOOK_PROGRAMS[hook];
      link.update(object.program(name));
    }
  }
  for (const device of ['up0', 'dn0']) {
    const where = ['dev', device, 'ingress', 'pref', '1', 'handle', '0xb1'];
    const what = ['bpf', 'da', 'object-pinned', place('progs', 'tc_wall')];
    bench.wall.exec('tc', 'filter', 'replace', ...where, ...what);
  }
  for (const name of TRACING) {
    unlinkSync(pins.tracing(name));
    using link = object.program(name).attachTracing();
    link.pin(pins.tracing(name));
  }
  today.remove();
  renameSync(
    join(pins.directory, `complete-${today.tag}`),
    join(pins.directory, `complete-${tag}`),
  );
  return tag;
}

function typesOf(path: string): LoadedTypes {
  using map = BpfMap.adopt(path);
  return map.types()!;
}

function conversions(from: LoadedTypes, to: Btf, name: string) {
  const { key: toKey, value: toValue } = to.maps[name]!;
  const { conversion } = ruleOf(name);
  return {
    key: Conversion.between({ types: from, type: from.key! }, { types: to, type: toKey! }),
    value: Conversion.between(
      { types: from, type: from.value! },
      { types: to, type: toValue! },
      { coded: conversion?.coded ?? {} },
    ),
  };
}

function carryInner(
  name: keyof typeof INNER,
  from: BpfMap,
  to: BpfMap,
  types: Btf,
  anyMap: string,
): void {
  const { key: keyName, value: valueName, type, flags } = INNER[name];
  const now = typesOf(anyMap);
  const between = (struct: string) =>
    Conversion.between(
      { types: now, type: { kind: 'struct', name: struct } },
      { types, type: { kind: 'struct', name: struct } },
    );
  const size = (struct: string) => sizeOf(types, { kind: 'struct', name: struct });
  for (let slot = 0; slot < from.info.maxEntries; slot++) {
    const id = from.lookup(key(slot))?.readUInt32LE(0);
    if (id === undefined) continue;
    using inner = BpfMap.byId(id);
    using made = BpfMap.create({
      ...{ type, name, flags, maxEntries: inner.info.maxEntries },
      keySize: keyName === '' ? 4 : size(keyName),
      valueSize: size(valueName),
    });
    const value = between(valueName);
    inner.carry(made, {
      ...(keyName === '' ? {} : { key: between(keyName) }),
      ...{ value, present: 'replace' },
    });
    to.updateInner(key(slot), made);
  }
}

/** Two in the first group, for good; the first version kept each as an element of its own. */
function addMembers(to: BpfMap, types: Btf): void {
  const keys = codec<{ address: { byte: Uint8Array }; group: number }>(types, 'member_key');
  const values = codec<Record<string, bigint>>(types, 'member');
  for (const last of MEMBERS) {
    const byte = Buffer.from(`00000000000000000000ffffc00002${last}`, 'hex');
    to.update(
      keys.encode({ address: { byte }, group: 0 }),
      values.encode({ added: 0n, expires: 0n }),
    );
  }
}

/** Indices are numbers of names: phases may have others. */
function carryTimeouts(from: BpfMap, to: BpfMap, now: LoadedTypes, older: Btf): void {
  const numbers = (types: Pick<Btf, 'enums'>) => {
    const { PHASE_COUNT: _, ...phases } = types.enums.phase!;
    return { ...phases, ...types.enums.timeout! };
  };
  const old = numbers(older);
  for (const [name, number] of Object.entries(numbers(now))) {
    const becomes = old[name];
    const value = name === 'TIMEOUT_COUNT' ? undefined : from.lookup(key(number));
    if (becomes !== undefined && value !== undefined) to.update(key(becomes), value);
  }
}

/** A devmap takes devices of the namespace that writes it. */
function carryDevices(bench: Bench, from: BpfMap, path: string): void {
  for (const { keys, values, count } of from.entries()) {
    for (let i = 0; i < count; i++) {
      const hex = (bytes: Buffer) =>
        Array.from(bytes.subarray(i * 4, i * 4 + 4), (byte) => byte.toString(16).padStart(2, '0'));
      const words = ['key', 'hex', ...hex(keys), 'value', 'hex', ...hex(values)];
      bench.wall.exec('bpftool', 'map', 'update', 'pinned', path, ...words);
    }
  }
}

function key(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}
