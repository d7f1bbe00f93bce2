/** Network layer: IPv4, IPv6 and its extension headers. */
import { ipv4Bytes, ipv6Bytes } from './address.js';
import { internetChecksum } from './checksum.js';
import type { Enclosing, Layer } from './layer.js';

/** Next header value for "nothing follows". */
export const NO_NEXT_HEADER = 59;

function announced(enclosing: Enclosing, nothing: number): number {
  return enclosing.next?.proto ?? nothing;
}

export interface Ipv4Options {
  src: string;
  dst: string;
  version?: number;
  /** Header length in 32-bit words. */
  ihl?: number;
  tos?: number;
  /** Total length. */
  length?: number;
  id?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** Fragment offset in bytes; a multiple of 8. */
  offset?: number;
  ttl?: number;
  proto?: number;
  checksum?: number;
  /** Option bytes; padded to a multiple of four. */
  options?: Uint8Array;
}

/** An IPv4 header. The protocol is what the next layer announces, 253 when it announces nothing. */
export function ipv4(fields: Ipv4Options): Layer {
  const source = ipv4Bytes(fields.src);
  const destination = ipv4Bytes(fields.dst);
  return {
    ethertype: 0x0800,
    proto: 4,
    network: { source, destination },
    build(payload, enclosing) {
      const options = Buffer.alloc(Math.ceil((fields.options?.length ?? 0) / 4) * 4);
      options.set(fields.options ?? []);
      const head = Buffer.alloc(20);
      const words = fields.ihl ?? 5 + options.length / 4;
      head.writeUInt8(((fields.version ?? 4) << 4) | words, 0);
      head.writeUInt8(fields.tos ?? 0, 1);
      head.writeUInt16BE(fields.length ?? 20 + options.length + payload.length, 2);
      head.writeUInt16BE(fields.id ?? 0, 4);
      const flags = (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0);
      head.writeUInt16BE(flags | ((fields.offset ?? 0) >> 3), 6);
      head.writeUInt8(fields.ttl ?? 64, 8);
      head.writeUInt8(fields.proto ?? announced(enclosing, 253), 9);
      source.copy(head, 12);
      destination.copy(head, 16);
      head.writeUInt16BE(fields.checksum ?? internetChecksum(head, options), 10);
      return Buffer.concat([head, options, payload]);
    },
  };
}

export interface Ipv6Options {
  src: string;
  dst: string;
  version?: number;
  trafficClass?: number;
  flowLabel?: number;
  /** Payload length. */
  length?: number;
  next?: number;
  hopLimit?: number;
}

/** An IPv6 header. The next header is what the next layer announces, else 59. */
export function ipv6(fields: Ipv6Options): Layer {
  const source = ipv6Bytes(fields.src);
  const destination = ipv6Bytes(fields.dst);
  return {
    ethertype: 0x86dd,
    proto: 41,
    network: { source, destination },
    build(payload, enclosing) {
      const head = Buffer.alloc(8);
      const first =
        (fields.version ?? 6) * 2 ** 28 +
        (fields.trafficClass ?? 0) * 2 ** 20 +
        (fields.flowLabel ?? 0);
      head.writeUInt32BE(first, 0);
      head.writeUInt16BE(fields.length ?? payload.length, 4);
      head.writeUInt8(fields.next ?? announced(enclosing, NO_NEXT_HEADER), 6);
      head.writeUInt8(fields.hopLimit ?? enclosing.next?.hopLimit ?? 64, 7);
      return Buffer.concat([head, source, destination, payload]);
    },
  };
}

export interface ExtensionOptions {
  next?: number;
  /** The length field, in 8-byte units past the first. */
  length?: number;
  /** What follows the two leading bytes; padded to a multiple of eight. */
  body?: Uint8Array;
}

function extension(proto: number, fields: ExtensionOptions): Layer {
  return {
    proto,
    build(payload, enclosing) {
      const body = fields.body ?? Buffer.from([1, 4, 0, 0, 0, 0]);
      const header = Buffer.alloc(Math.max(8, Math.ceil((2 + body.length) / 8) * 8));
      header.set(body, 2);
      header.writeUInt8(fields.next ?? announced(enclosing, NO_NEXT_HEADER), 0);
      header.writeUInt8(fields.length ?? header.length / 8 - 1, 1);
      return Buffer.concat([header, payload]);
    },
  };
}

/** Hop-by-hop options; filled with PadN unless `body` says otherwise. */
export const hopByHop = (fields: ExtensionOptions = {}): Layer => extension(0, fields);
/** Destination options. */
export const destinationOptions = (fields: ExtensionOptions = {}): Layer => extension(60, fields);
/** Mobility header (always last on real wires). */
export const mobility = (fields: ExtensionOptions = {}): Layer => extension(135, fields);

/** A routing header, with type and segments left in front of `body`. */
export function routing(
  fields: ExtensionOptions & { type?: number; segmentsLeft?: number } = {},
): Layer {
  const start = Buffer.from([fields.type ?? 4, fields.segmentsLeft ?? 0]);
  const body = Buffer.concat([start, fields.body ?? Buffer.alloc(4)]);
  return extension(43, { ...fields, body });
}

/** An authentication header; its length field counts 4-byte words past the first two. */
export function authentication(
  fields: { next?: number; length?: number; icv?: number } = {},
): Layer {
  return {
    proto: 51,
    build(payload, enclosing) {
      const header = Buffer.alloc(12 + (fields.icv ?? 12));
      header.writeUInt8(fields.next ?? announced(enclosing, NO_NEXT_HEADER), 0);
      header.writeUInt8(fields.length ?? header.length / 4 - 2, 1);
      return Buffer.concat([header, payload]);
    },
  };
}

/** An IPv6 fragment header; with neither offset nor `more` it is an atomic fragment. */
export function fragment6(
  fields: { next?: number; offset?: number; more?: boolean; id?: number; reserved?: number } = {},
): Layer {
  return {
    proto: 44,
    build(payload, enclosing) {
      const header = Buffer.alloc(8);
      header.writeUInt8(fields.next ?? announced(enclosing, NO_NEXT_HEADER), 0);
      header.writeUInt8(fields.reserved ?? 0, 1);
      header.writeUInt16BE((fields.offset ?? 0) | (fields.more ? 1 : 0), 2);
      header.writeUInt32BE(fields.id ?? 0x1234, 4);
      return Buffer.concat([header, payload]);
    },
  };
}
