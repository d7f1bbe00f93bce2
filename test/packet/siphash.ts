/** SipHash-2-4 of whole words, the plain way: what the packet path and the prober are held against. */

const WORD = (1n << 64n) - 1n;

function rotated(word: bigint, bits: bigint): bigint {
  return ((word << bits) | (word >> (64n - bits))) & WORD;
}

export function siphash(bytes: Buffer, key: Buffer): bigint {
  if (bytes.length % 8 !== 0) throw new Error('whole words only');
  const [k0, k1] = [key.readBigUInt64LE(0), key.readBigUInt64LE(8)];
  let [v0, v1] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn];
  let [v2, v3] = [k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const round = () => {
    v0 = (v0 + v1) & WORD;
    v1 = rotated(v1, 13n) ^ v0;
    v0 = rotated(v0, 32n);
    v2 = (v2 + v3) & WORD;
    v3 = rotated(v3, 16n) ^ v2;
    v0 = (v0 + v3) & WORD;
    v3 = rotated(v3, 21n) ^ v0;
    v2 = (v2 + v1) & WORD;
    v1 = rotated(v1, 17n) ^ v2;
    v2 = rotated(v2, 32n);
  };
  const take = (word: bigint) => {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  };
  for (let at = 0; at < bytes.length; at += 8) take(bytes.readBigUInt64LE(at));
  take(BigInt(bytes.length & 0xff) << 56n);
  v2 ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}
