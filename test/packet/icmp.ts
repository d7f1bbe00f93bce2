/** ICMP and ICMPv6, neighbour discovery included. */
import { ipv6Bytes, macBytes } from './address.js';
import { internetChecksum } from './checksum.js';
import type { Layer } from './layer.js';
import { transportChecksum } from './transport.js';

export interface IcmpOptions {
  /** Default: echo request of the family. */
  type?: number;
  code?: number;
  /** First and second half of the four bytes after the checksum. */
  id?: number;
  seq?: number;
  checksum?: number;
}

function header(fields: IcmpOptions, defaultType: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(fields.type ?? defaultType, 0);
  head.writeUInt8(fields.code ?? 0, 1);
  head.writeUInt16BE(fields.id ?? 0, 4);
  head.writeUInt16BE(fields.seq ?? 0, 6);
  return Buffer.concat([head, payload]);
}

/** An ICMP message; what it quotes or carries follows as layers. */
export function icmp(fields: IcmpOptions = {}): Layer {
  return {
    proto: 1,
    build(payload) {
      const bytes = header(fields, 8, payload);
      bytes.writeUInt16BE(fields.checksum ?? internetChecksum(bytes), 2);
      return bytes;
    },
  };
}

/** What never leaves its link says so by its hop limit. */
function hopLimitOf(type: number): number {
  if (type >= 133 && type <= 137) return 255;
  return (type >= 130 && type <= 132) || type === 143 ? 1 : 64;
}

/** An ICMPv6 message. */
export function icmp6(fields: IcmpOptions = {}): Layer {
  return {
    proto: 58,
    hopLimit: hopLimitOf(fields.type ?? 128),
    build(payload, enclosing) {
      const bytes = header(fields, 128, payload);
      bytes.writeUInt16BE(fields.checksum ?? transportChecksum(bytes, 58, enclosing), 2);
      return bytes;
    },
  };
}

/** Neighbour solicitation (`type` 135) or advertisement (136) with its link-layer option. */
export function neighbour(type: 135 | 136, target: string, mac: string): Layer {
  const option = Buffer.concat([Buffer.from([type === 135 ? 1 : 2, 1]), macBytes(mac)]);
  const body = Buffer.concat([ipv6Bytes(target), option]);
  const message = icmp6({ type, id: type === 136 ? 0x6000 : 0 });
  return {
    proto: 58,
    hopLimit: 255,
    build: (payload, enclosing) => message.build(Buffer.concat([body, payload]), enclosing),
  };
}
