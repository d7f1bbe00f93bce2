/** The Internet checksum over the pieces, as if they stood one after the other. */
export function internetChecksum(...pieces: Uint8Array[]): number {
  const bytes = Buffer.concat(pieces);
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) sum += bytes[bytes.length - 1]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** The header that TCP, UDP and ICMPv6 imagine before themselves. */
export function pseudoHeader(
  source: Uint8Array,
  destination: Uint8Array,
  proto: number,
  length: number,
): Buffer {
  const v4 = source.length === 4;
  const tail = Buffer.alloc(v4 ? 4 : 8);
  if (v4) {
    tail.writeUInt8(proto, 1);
    tail.writeUInt16BE(length & 0xffff, 2);
  } else {
    tail.writeUInt32BE(length, 0);
    tail.writeUInt8(proto, 7);
  }
  return Buffer.concat([source, destination, tail]);
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** CRC-32C, which SCTP carries (little-endian) in its header. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC32C_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
