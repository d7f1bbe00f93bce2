/** `born` of a connection on the wire. */

export const BORN_BYTES = 8;

export function bornBytes(born: bigint): Buffer {
  const bytes = Buffer.alloc(BORN_BYTES);
  bytes.writeBigUInt64LE(born);
  return bytes;
}

export function bornFrom(bytes: Uint8Array): bigint {
  return Buffer.from(bytes).readBigUInt64LE(0);
}
