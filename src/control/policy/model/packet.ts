import { fromV4 } from '../address.js';
import { serviceCode } from '../codes.js';
import type { Bytes } from './bytes.js';
import type { Malformed } from './malformed.js';
import { parseTransport, type Transport } from './transport.js';

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION = 60;
const EXTENSIONS: ReadonlySet<number> = new Set([
  HOP_BY_HOP,
  ROUTING,
  FRAGMENT,
  AUTHENTICATION,
  DESTINATION,
]);
const MAX_EXTENSIONS = 8;
/** Where a header may begin at the latest, from the start of the frame. */
export const HEADER_LIMIT = 1024;

/** A part of a datagram. An IPv6 packet in one "atomic" fragment is none. */
export interface Fragment {
  readonly id: number;
  /** Bytes of the datagram before it, and in it. */
  readonly offset: number;
  readonly length: number;
  /** It is not the last. */
  readonly more: boolean;
  /** Its length cannot be. */
  readonly ill: boolean;
}

/** An IP packet as far as the wall looks into it. */
export interface Packet {
  readonly family: 4 | 6;
  /** 16 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  /** IPv4: time to live. */
  readonly hopLimit: number;
  readonly fragment: Fragment | null;
  /** What is above IP is here, and its header is whole. */
  readonly whole: boolean;
  /** Null for protocols that the wall does not read, and for fragments that do not show theirs. */
  readonly transport: Transport | null;
}

export function parseIpv4(ip: Bytes): Packet | Malformed {
  if (ip.length < 20 || ip.byte(0) >> 4 !== 4) return 'malformed-ip';
  const headerLength = (ip.byte(0) & 15) * 4;
  const totalLength = ip.word(2);
  const fits = headerLength >= 20 && totalLength >= headerLength && totalLength <= ip.length;
  if (!fits) return 'malformed-ip';
  const more = (ip.word(6) & 0x2000) !== 0;
  const offset = (ip.word(6) & 0x1fff) * 8;
  const id = ip.word(4);
  const length = totalLength - headerLength;
  const payload = ip.first(totalLength).after(headerLength);
  const packet = {
    family: 4 as const,
    source: fromV4(ip.slice(12, 4)),
    destination: fromV4(ip.slice(16, 4)),
    protocol: ip.byte(9),
    hopLimit: ip.byte(8),
    fragment: more || offset > 0 ? fragmentOf({ id, offset, more, length }, headerLength) : null,
  };
  if (offset > 0) return { ...packet, whole: false, transport: null };
  return withTransport(packet, payload);
}

/** @param before bytes that count for the datagram's length, but not for its offsets */
function fragmentOf(fragment: Omit<Fragment, 'ill'>, before: number): Fragment {
  const { offset, length, more } = fragment;
  const ill = length === 0 || (more && length % 8 !== 0) || before + offset + length > 65535;
  return { ...fragment, ill };
}

export function parseIpv6(ip: Bytes): Packet | Malformed {
  if (ip.length < 40 || ip.byte(0) >> 4 !== 6) return 'malformed-ip';
  const payloadLength = ip.word(4);
  const first = ip.byte(6);
  const jumbo = payloadLength === 0 && first === HOP_BY_HOP;
  if (jumbo || payloadLength > ip.length - 40) return 'malformed-ip';
  const ends = { source: ip.slice(8, 16), destination: ip.slice(24, 16), hopLimit: ip.byte(7) };
  const walk = walkExtensions(first, ip.after(40).first(payloadLength));
  if (typeof walk === 'string') return walk;
  const { protocol, fragment, upper } = walk;
  const packet = { family: 6 as const, ...ends, protocol, fragment };
  if (upper === null) return { ...packet, whole: false, transport: null };
  return withTransport(packet, upper);
}

interface ExtensionWalk {
  readonly protocol: number;
  readonly fragment: Fragment | null;
  /** Null when the upper header is not in this packet. */
  readonly upper: Bytes | null;
}

/** From the first extension header to the upper one. */
export function walkExtensions(first: number, payload: Bytes): ExtensionWalk | 'malformed-ext' {
  let protocol = first;
  let rest = payload;
  let fragment: Fragment | null = null;
  let fragmentHeaders = 0;
  for (let count = 0; EXTENSIONS.has(protocol); count++) {
    if (protocol === HOP_BY_HOP && count > 0) return 'malformed-ext';
    const length = extensionLength(protocol, rest);
    if (length === null) {
      // The first fragment of a packet may end anywhere: it merely shows no ports.
      return fragment === null ? 'malformed-ext' : { protocol, fragment, upper: null };
    }
    const next = rest.byte(0);
    if (protocol === FRAGMENT) {
      if (fragmentHeaders++ > 0) return 'malformed-ext';
      const offset = rest.word(2) & 0xfff8;
      const more = (rest.word(2) & 1) !== 0;
      const id = rest.word(4) * 0x10000 + rest.word(6);
      const before = rest.start - payload.start;
      if (offset > 0 || more) {
        fragment = fragmentOf({ id, offset, more, length: rest.length - 8 }, before);
      }
      if (offset > 0) return { protocol: next, fragment, upper: null };
    }
    if (count === MAX_EXTENSIONS) return 'malformed-ext';
    rest = rest.after(length);
    if (rest.start > HEADER_LIMIT) return 'malformed-ext';
    protocol = next;
  }
  return { protocol, fragment, upper: rest };
}

/** Length of a header, or null when it is not whole. */
function extensionLength(kind: number, header: Bytes): number | null {
  if (header.length < 8) return null;
  if (kind === FRAGMENT) return 8;
  const units = header.byte(1);
  const length = kind === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
  return length <= header.length ? length : null;
}

function withTransport(
  packet: Omit<Packet, 'transport' | 'whole'>,
  payload: Bytes,
): Packet | 'malformed-l4' {
  const partial = packet.fragment !== null;
  const transport = parseTransport(packet.family, packet.protocol, payload, partial);
  if (transport !== 'malformed-l4') return { ...packet, whole: true, transport };
  return partial ? { ...packet, whole: false, transport: null } : transport;
}

/** The service that a packet asks for, or null when a fragment does not show it. */
export function packetCode(packet: Packet): number | null {
  const { family, protocol, transport } = packet;
  if (transport === null) {
    const named = serviceCode(family, protocol, 0) !== serviceCode(family, protocol, 1);
    return named ? null : serviceCode(family, protocol, 0);
  }
  const asked = transport.kind === 'icmp' ? transport.type : transport.destinationPort;
  return serviceCode(family, protocol, asked);
}
