/** Transport layer: TCP, UDP, SCTP. */
import { crc32c, internetChecksum, pseudoHeader } from './checksum.js';
import type { Enclosing, Layer } from './layer.js';

const TCP_FLAGS = 'FSRPAUEC';

/** The flag byte of letters out of `FSRPAUEC` (FIN, SYN, RST, PSH, ACK, URG, ECE, CWR). */
export function tcpFlags(letters: string): number {
  let flags = 0;
  for (const letter of letters) {
    const bit = TCP_FLAGS.indexOf(letter);
    if (bit < 0) throw new Error(`not a TCP flag: ${letter}`);
    flags |= 1 << bit;
  }
  return flags;
}

/** The letters of a flag byte. */
export function tcpFlagLetters(flags: number): string {
  return [...TCP_FLAGS].filter((_, bit) => flags & (1 << bit)).join('');
}

/** The checksum that the pseudo header of the enclosing IP layer asks for. */
export function transportChecksum(bytes: Buffer, proto: number, enclosing: Enclosing): number {
  const { network } = enclosing;
  if (network === undefined) return internetChecksum(bytes);
  return internetChecksum(
    pseudoHeader(network.source, network.destination, proto, bytes.length),
    bytes,
  );
}

export interface TcpOptions {
  sport: number;
  dport: number;
  /** Letters as for `tcpFlags`, or the byte itself. Default `S`. */
  flags?: string | number;
  seq?: number;
  ack?: number;
  /** Header length in 32-bit words. */
  offset?: number;
  window?: number;
  checksum?: number;
  urgent?: number;
  options?: Uint8Array;
  /** The four reserved bits (the lowest was once NS). */
  reserved?: number;
}

/** A TCP header. */
export function tcp(fields: TcpOptions): Layer {
  return {
    proto: 6,
    build(payload, enclosing) {
      const options = Buffer.alloc(Math.ceil((fields.options?.length ?? 0) / 4) * 4);
      options.set(fields.options ?? []);
      const head = Buffer.alloc(20);
      head.writeUInt16BE(fields.sport, 0);
      head.writeUInt16BE(fields.dport, 2);
      head.writeUInt32BE(fields.seq ?? 1000, 4);
      head.writeUInt32BE(fields.ack ?? 0, 8);
      const words = fields.offset ?? 5 + options.length / 4;
      head.writeUInt8((words << 4) | (fields.reserved ?? 0), 12);
      const flags = fields.flags ?? 'S';
      head.writeUInt8(typeof flags === 'number' ? flags : tcpFlags(flags), 13);
      head.writeUInt16BE(fields.window ?? 64240, 14);
      head.writeUInt16BE(fields.urgent ?? 0, 18);
      const bytes = Buffer.concat([head, options, payload]);
      bytes.writeUInt16BE(fields.checksum ?? transportChecksum(bytes, 6, enclosing), 16);
      return bytes;
    },
  };
}

export interface UdpOptions {
  sport: number;
  dport: number;
  length?: number;
  checksum?: number;
  /** Default 17; 136 makes UDP-Lite. */
  proto?: number;
}

/** A UDP header. */
export function udp(fields: UdpOptions): Layer {
  const proto = fields.proto ?? 17;
  return {
    proto,
    build(payload, enclosing) {
      const head = Buffer.alloc(8);
      head.writeUInt16BE(fields.sport, 0);
      head.writeUInt16BE(fields.dport, 2);
      head.writeUInt16BE(fields.length ?? 8 + payload.length, 4);
      const bytes = Buffer.concat([head, payload]);
      const sum = fields.checksum ?? (transportChecksum(bytes, proto, enclosing) || 0xffff);
      bytes.writeUInt16BE(sum, 6);
      return bytes;
    },
  };
}

/** Chunk types of SCTP that tests use. */
export const SctpChunk = {
  DATA: 0,
  INIT: 1,
  INIT_ACK: 2,
  SACK: 3,
  HEARTBEAT: 4,
  ABORT: 6,
  SHUTDOWN: 7,
  SHUTDOWN_ACK: 8,
  COOKIE_ECHO: 10,
  COOKIE_ACK: 11,
  SHUTDOWN_COMPLETE: 14,
} as const;

export interface SctpOptions {
  sport: number;
  dport: number;
  tag?: number;
  checksum?: number;
  /** Types of the chunks, four bytes each (INIT gets its fixed 20). Default none. */
  chunks?: number[];
}

/** An SCTP common header and chunks. */
export function sctp(fields: SctpOptions): Layer {
  return {
    proto: 132,
    build(payload) {
      const head = Buffer.alloc(12);
      head.writeUInt16BE(fields.sport, 0);
      head.writeUInt16BE(fields.dport, 2);
      head.writeUInt32BE(fields.tag ?? 0, 4);
      const chunks = (fields.chunks ?? []).map((type) => {
        const chunk = Buffer.alloc(type === SctpChunk.INIT || type === SctpChunk.INIT_ACK ? 20 : 4);
        chunk.writeUInt8(type, 0);
        chunk.writeUInt16BE(chunk.length, 2);
        return chunk;
      });
      const bytes = Buffer.concat([head, ...chunks, payload]);
      bytes.writeUInt32LE(fields.checksum ?? crc32c(bytes), 8);
      return bytes;
    },
  };
}
