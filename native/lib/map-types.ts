import { shown } from './check.js';
import { BpfError } from './error.js';

/** The kinds of map that can be made; the numbers are the kernel's. */
const NUMBERS = {
  hash: 1,
  array: 2,
  'prog-array': 3,
  'percpu-hash': 5,
  'percpu-array': 6,
  'lru-hash': 9,
  'lru-percpu-hash': 10,
  'lpm-trie': 11,
  'array-of-maps': 12,
  'hash-of-maps': 13,
  devmap: 14,
  cpumap: 16,
  queue: 22,
  stack: 23,
  'devmap-hash': 25,
  ringbuf: 27,
  'bloom-filter': 30,
} as const;

/** A kind of map by name. */
export type MapTypeName = keyof typeof NUMBERS;

/** The flags of a new map, as in linux/bpf.h. */
export const MapFlags = {
  NO_PREALLOC: 1 << 0,
  NO_COMMON_LRU: 1 << 1,
  RDONLY: 1 << 3,
  WRONLY: 1 << 4,
  RDONLY_PROG: 1 << 7,
  WRONLY_PROG: 1 << 8,
  MMAPABLE: 1 << 10,
  INNER_MAP: 1 << 12,
} as const;

interface MapType {
  readonly number: number;
  readonly perCpu: boolean;
  readonly ofMaps: boolean;
}

const PER_CPU: readonly number[] = [5, 6, 10];
const OF_MAPS: readonly number[] = [12, 13];

/** @internal What is particular to a kind of map, by name or by the kernel's number. */
export function mapType(type: MapTypeName | number): MapType {
  if (typeof type !== 'number' && (typeof type !== 'string' || !Object.hasOwn(NUMBERS, type))) {
    throw new BpfError(`type: unknown kind of map ${shown(type)}`);
  }
  const number = typeof type === 'number' ? type : NUMBERS[type];
  return { number, perCpu: PER_CPU.includes(number), ofMaps: OF_MAPS.includes(number) };
}
