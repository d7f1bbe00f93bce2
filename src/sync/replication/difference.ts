/** Digests of two tables, bucket by bucket. */

const BITS = 8;

/**
 * The buckets that differ, a bit for each, the lowest of each byte first.
 * @param a digests, 64 bits a bucket
 * @param except buckets that are not compared
 * @throws RangeError digests of another number of buckets
 */
export function difference(
  a: Uint8Array,
  b: Uint8Array,
  except?: Uint8Array,
): { buckets: Uint8Array; count: number } {
  if (a.length !== b.length || a.length % (8 * BITS) !== 0) {
    throw new RangeError(`digests of ${a.length} bytes, and of ${b.length}`);
  }
  const [x, y] = [words(a), words(b)];
  const buckets = new Uint8Array(x.length / BITS);
  let count = 0;
  for (let i = 0; i < x.length; i++) {
    if (x[i] === y[i]) continue;
    const [byte, bit] = [i >> 3, 1 << (i & 7)];
    if (except !== undefined && except[byte]! & bit) continue;
    buckets[byte]! |= bit;
    count++;
  }
  return { buckets, count };
}

/** Whether a choice holds every bucket that has a digest. */
export function holdsAll(choice: Uint8Array, digests: Uint8Array): boolean {
  return words(digests).every(
    (digest, i) => digest === 0n || (choice[i >> 3]! & (1 << (i & 7))) !== 0,
  );
}

function words(bytes: Uint8Array): BigUint64Array {
  return new BigUint64Array(Uint8Array.from(bytes).buffer);
}
