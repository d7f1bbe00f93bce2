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

/** An IP packet as far as the wall looks into it. */
export interface Packet {
  readonly family: 4 | 6;
  /** 16 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  /** IPv4: time to live. */
  readonly hopLimit: number;
  /** An IPv6 packet in one "atomic" fragment is none. */
  readonly fragment: boolean;
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
  const offset = ip.word(6) & 0x1fff;
  const payload = ip.first(totalLength).after(headerLength);
  const packet = {
    family: 4 as const,
    source: fromV4(ip.slice(12, 4)),
    destination: fromV4(ip.slice(16, 4)),
    protocol: ip.byte(9),
    hopLimit: ip.byte(8),
    fragment: more || offset > 0,
  };
  return offset > 0 ? { ...packet, transport: null } : withTransport(packet, payload);
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
  return upper === null ? { ...packet, transport: null } : withTransport(packet, upper);
}

interface ExtensionWalk {
  readonly protocol: number;
  readonly fragment: boolean;
  /** Null when the upper header is not in this packet. */
  readonly upper: Bytes | null;
}

/** From the first extension header to the upper one. */
export function walkExtensions(first: number, payload: Bytes): ExtensionWalk | 'malformed-ext' {
  let protocol = first;
  let rest = payload;
  let fragment = false;
  for (let count = 0; EXTENSIONS.has(protocol); count++) {
    if (protocol === HOP_BY_HOP && count > 0) return 'malformed-ext';
    const length = extensionLength(protocol, rest);
    if (length === null) {
      // The first fragment of a packet may end anywhere: it merely shows no ports.
      return fragment ? { protocol, fragment, upper: null } : 'malformed-ext';
    }
    const next = rest.byte(0);
    if (protocol === FRAGMENT) {
      const offset = rest.word(2) & 0xfff8;
      const more = (rest.word(2) & 1) !== 0;
      if (offset > 0) return { protocol: next, fragment: true, upper: null };
      fragment ||= more;
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

function withTransport(packet: Omit<Packet, 'transport'>, payload: Bytes): Packet | 'malformed-l4' {
  const transport = parseTransport(packet.family, packet.protocol, payload, packet.fragment);
  if (transport === 'malformed-l4') {
    return packet.fragment ? { ...packet, transport: null } : transport;
  }
  return { ...packet, transport };
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
