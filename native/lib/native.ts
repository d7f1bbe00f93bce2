import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Btf, LoadedTypes } from './btf.js';
import { BpfError } from './error.js';
import type { LinkInfo, MapInfo, ProgramInfo, XdpMode } from './info.js';

/** The C++ classes and functions, as they are: no checks of types, those are this library's. */
export interface Addon {
  setErrorClass(errorClass: typeof BpfError): void;
  NativeObject: new (path: string) => NativeObject;
  NativeMap: new (fd: number) => NativeMap;
  NativeProgram: new (fd: number) => NativeProgram;
  NativeLink: new (fd: number) => NativeLink;
  NativePass: new (
    programFd: number,
    mapFd: number,
    slicesFd: number,
    table: number,
    slices: number,
    elements: number,
    valuesAt: number,
    recordsAt: number,
    bytes: number,
  ) => NativePass;
  NativeRingReader: new (
    fds: number[],
    sizes: number[],
    onSlab: (slab: Buffer, records: Uint32Array, lost: number) => void,
    slabBytes: number,
    maxDelayMs: number,
    slabs: number,
    runs: boolean,
    denseBytes: number,
    denseDelayMs: number,
  ) => NativeRingReader;
  NativeBeacon: new (spec: NativeBeaconSpec, onChange: () => void) => NativeBeacon;
  announce(
    records: Uint8Array,
    count: number,
    perSecond: number,
  ): Promise<{ sent: number; failed: number; ms: number }>;
  changeInner(outers: number[], keys: Uint8Array[], inners: number[]): void;
  createMap(
    type: number,
    name: string,
    keySize: number,
    valueSize: number,
    maxEntries: number,
    flags: number,
    innerFd: number,
  ): number;
  openMap(id: number): number;
  digestOf(keys: Uint8Array, values: Uint8Array, count: number): { count: number; sum: bigint };
  readAddresses(bytes: Uint8Array, from: number, into: Uint8Array): { count: number; end: number };
  digestEach(bytes: Uint8Array, ends: Uint32Array): Buffer;
  newNumbers(bytes: Uint8Array, size: number, offset: number, seen: Uint8Array): number[];
  getPinned(path: string, kind: 'map' | 'program' | 'link'): number;
  removePin(path: string): void;
  attachTc(
    programFd: number,
    ifindex: number,
    egress: boolean,
    handle: number,
    priority: number,
    replace: boolean,
  ): void;
  detachTc(ifindex: number, egress: boolean, handle: number, priority: number): boolean;
  queryTc(ifindex: number, egress: boolean, handle: number, priority: number): number | undefined;
  queryXdp(ifindex: number): { programId: number; mode: XdpMode | 'none' };
  cpuCount(): number;
  jiffiesPerSecond(): number;
  droppedDatagrams(fd: number): number;
  releaseFilePages(): number;
  setSocketOption(fd: number, level: number, option: number, value: number): void;
}

/** An opened object file. */
export interface NativeObject {
  btf(): Btf;
  initialValue(map: string): Buffer;
  setVariable(name: string, value: bigint): void;
  setMaxEntries(map: string, n: number): void;
  reuseMap(map: string, fd: number): void;
  mapInfo(map: string): Omit<MapInfo, 'id'>;
  setAutoload(program: string, on: boolean): void;
  load(): void;
  map(name: string): number;
  program(name: string): number;
  maps(): string[];
  programs(): string[];
  close(): void;
}

/** One slice of a walk over a map; position null: the end. */
export interface NativeSlice {
  count: number;
  position: Buffer | null;
}

/** An open map. */
export interface NativeMap {
  info(): MapInfo;
  descriptor(): number;
  types(): LoadedTypes | undefined;
  carry(
    targetFd: number,
    targetValueSize: number,
    targetStoredSize: number,
    key: Int32Array,
    value: Int32Array,
    present: number,
    newer: number,
    index: Uint32Array | null,
    take: boolean,
  ): {
    read: number;
    written: number;
    kept: number;
    failed: number;
    error: string;
    keys: Buffer;
    values: Buffer;
  };
  digest(): { count: number; sum: bigint };
  lookup(key: Uint8Array): Buffer | undefined;
  update(key: Uint8Array, value: Uint8Array, flags: number): void;
  delete(key: Uint8Array): boolean;
  updateBatch(
    keys: Uint8Array,
    values: Uint8Array,
    count: number,
  ): { done: number; errno: number; code: string; text: string } | null;
  deleteBatch(keys: Uint8Array, count: number): number;
  lookupBatch(
    position: Uint8Array | null,
    keys: Uint8Array,
    values: Uint8Array,
    room: number,
  ): NativeSlice | 'larger' | 'unsupported';
  scan(
    position: Uint8Array | null,
    keys: Uint8Array,
    values: Uint8Array,
    room: number,
  ): NativeSlice;
  memory(): ArrayBuffer;
  storeWord(index: number, value: bigint): void;
  loadWord(index: number): bigint;
  swapWord(index: number, expected: bigint, value: bigint): boolean;
  pin(path: string): void;
  close(): void;
}

/** A loaded program. */
export interface NativeProgram {
  info(): ProgramInfo;
  descriptor(): number;
  mapIds(): number[];
  testRun(
    data: Uint8Array | null,
    dataOut: number,
    ctx: Uint8Array | null,
    repeat: number,
    live: boolean,
    batchSize: number,
  ): { retval: number; data: Buffer; ctx: Buffer; durationNs: number };
  attachXdp(ifindex: number, generic: boolean): number;
  attachTracing(): number;
  attachTcx(ifindex: number, egress: boolean): number;
  pin(path: string): void;
  close(): void;
}

/** An attachment. */
export interface NativeLink {
  info(): LinkInfo;
  update(programFd: number): void;
  detach(): void;
  pin(path: string): void;
  close(): void;
}

/** One pass of a program over a map. */
export interface NativePass {
  next(): Buffer | null;
  drain(most: number): Promise<{ batches: number; longestNs: number; ended: boolean }>;
  close(): void;
}

/** What a beacon is made of; spots are pairs of a number in `memories` and an offset. */
export interface NativeBeaconSpec {
  intervalMs: number;
  lostMs: number;
  quietUnitMs: number;
  payloadAt: number;
  payloadBytes: number;
  counterAt: number;
  keyAt: number;
  counter: bigint;
  /** Descriptor and size of each map. */
  memories: Uint32Array;
  awake: Uint32Array;
  hears: Uint32Array;
  heard: Uint32Array;
  /** Spot, place in the payload, length, and 1: in the other byte order. */
  fields: Uint32Array;
  /** Spot and length. */
  regions: Uint32Array;
  counters: number;
  counterBytes: number;
  activities: { plus: Uint32Array; minus: Uint32Array; quiet: Uint32Array }[];
  udp: object | undefined;
}

/** The thread of a beacon. */
export interface NativeBeacon {
  setFrames(ifindexes: Uint32Array, frames: Uint8Array[]): void;
  setKeys(keys: Uint8Array, usable: number, sign: number, received: BigUint64Array): void;
  setRemote(address: string, port: number): void;
  setMoved(records: Uint8Array, count: number): void;
  kick(moved: boolean): void;
  snapshot(): {
    now: bigint;
    awake: bigint;
    looked: bigint;
    heard: bigint;
    said: Buffer;
    counter: bigint;
    rounds: number;
    naps: number;
    failed: number;
    refused: number;
    movedLeft: boolean;
  };
  close(): void;
}

/** The thread that drains ring buffers. */
export interface NativeRingReader {
  close(): void;
}

const BUILT = join('build', 'Release', 'libbpf_ts.node');

let loaded: Addon | undefined;

/**
 * The addon, loaded when first needed: what only describes layouts works without it.
 * @throws {BpfError} ENOADDON when it was not built
 */
export function addon(): Addon {
  if (loaded === undefined) {
    const found = createRequire(import.meta.url)(find()) as Addon;
    found.setErrorClass(BpfError);
    loaded = found;
  }
  return loaded;
}

/**
 * The sources lie in native/lib, the compiled code in dist/native/lib: the build is above either.
 */
function find(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let at = here, next = dirname(at); at !== next; at = next, next = dirname(at)) {
    const path = join(at, BUILT);
    if (existsSync(path)) return path;
  }
  throw new BpfError(`no ${BUILT} above ${here}: build it with node-gyp`, 'ENOADDON');
}
