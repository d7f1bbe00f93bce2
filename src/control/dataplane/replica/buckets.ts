/** Passes over buckets of connections: digests, and those that are to be told, or dropped. */
import * as layouts from '../../../generated/layouts.js';
import { type Dataplane, index } from '../object.js';
import { batches, gathered, visitAll, visitAside } from '../visit.js';

const { BornBits, ChangeSizes } = layouts;

/** Bytes of the digests of a table, and of a choice of buckets. */
export const DIGEST_BYTES = ChangeSizes.CHANGE_BUCKETS * 8;
export const CHOICE_BYTES = ChangeSizes.CHANGE_BUCKETS / 8;

/** Of what a pass tells, in one piece. */
const TOLD_BYTES = 1 << 16;
/**
 * A pass over a large table finds a few connections in seconds. One whose record waits for so long is not let in at
 * the other node if anything of its bucket closes meanwhile (bpf/import.h).
 */
const TOLD_MS = 20;
const NO_BUCKETS = new Uint8Array(CHOICE_BYTES);

type Kernel = Pick<Dataplane, 'map' | 'program' | 'clock'>;

/** Connections that a pass looks at. */
export interface Choice {
  /** Born no later than that, as `born` counts. */
  readonly until: bigint;
  /** One bit for each bucket, the lowest of each byte first. */
  readonly buckets: Uint8Array;
}

/** What a table holds, by buckets. */
export interface Digests {
  /** Little-endian words, one for each bucket. */
  readonly bytes: Buffer;
  /** How many connections they are of. */
  readonly count: number;
}

/** All that began so many seconds ago or earlier, as `born` counts. */
export function bornBefore(dataplane: Kernel, epoch: number, seconds: number): bigint {
  const { clock } = dataplane;
  const time = clock.now() - clock.jiffies(seconds);
  return (BigInt(epoch & 0xffff) << BigInt(BornBits.AT)) | (time > 0n ? time : 0n);
}

export async function digestsOf(dataplane: Kernel, until: bigint): Promise<Digests> {
  const memory = dataplane.map('digests').mmap();
  memory.fill(0);
  prepare(dataplane, { until, buckets: NO_BUCKETS });
  await visitAside(dataplane, 'digest_states', 'established');
  return { bytes: Buffer.from(memory.subarray(0, DIGEST_BYTES)), count: hits(dataplane) };
}

/** Buckets of which something began or ended here since `forgetTouched` that was born no later than `until`. */
export function touchedBuckets(dataplane: Pick<Dataplane, 'map'>, until: bigint): Uint8Array {
  const { buffer, byteOffset } = dataplane.map('touched').mmap();
  const born = new BigInt64Array(buffer, byteOffset, ChangeSizes.CHANGE_BUCKETS);
  const buckets = new Uint8Array(CHOICE_BYTES);
  for (const [i, earliest] of born.entries()) {
    if (earliest === 0n || BigInt.asIntN(64, earliest - until) > 0n) continue;
    buckets[i >> 3]! |= 1 << (i & 7);
  }
  return buckets;
}

export function forgetTouched(dataplane: Pick<Dataplane, 'map'>): void {
  dataplane.map('touched').mmap().fill(0);
}

/** The connections of chosen buckets, as records of kind `states`. */
export function tellBuckets(dataplane: Kernel, choice: Choice): AsyncGenerator<Buffer> {
  prepare(dataplane, choice);
  return told(dataplane);
}

/** For whose sake connections are accepted, as records of kind `children`. */
export function tellChildren(dataplane: Kernel): AsyncGenerator<Buffer> {
  return gathered(batches(dataplane, 'tell_children', 'children'), TOLD_BYTES);
}

/** Those that were seen since, as the kernel's jiffies count. */
export function tellMoved(dataplane: Kernel, until: bigint, since: bigint): AsyncGenerator<Buffer> {
  prepare(dataplane, { until, buckets: NO_BUCKETS }, since);
  return told(dataplane);
}

/** Ends the connections of chosen buckets; how many. */
export async function dropBuckets(dataplane: Kernel, choice: Choice): Promise<number> {
  prepare(dataplane, choice);
  await visitAll(dataplane, 'drop_states', 'established');
  return hits(dataplane);
}

function hits(dataplane: Kernel): number {
  return layouts.bucketPass.decode(dataplane.map('bucket_pass').lookup(index(0))!).hit;
}

function prepare(dataplane: Kernel, { until, buckets }: Choice, since = 0n): void {
  if (buckets.length !== CHOICE_BYTES) throw new RangeError(`a choice of ${buckets.length} bytes`);
  const value = layouts.bucketPass.encode({
    ...{ until, since, hit: 0, pad: 0 },
    chosen: [...new BigUint64Array(Uint8Array.from(buckets).buffer)],
  });
  dataplane.map('bucket_pass').update(index(0), value);
}

function told(dataplane: Kernel): AsyncGenerator<Buffer> {
  return gathered(batches(dataplane, 'tell_states', 'established'), TOLD_BYTES, TOLD_MS);
}
