import { fromV4 } from '../address.js';
import { PROTO_ICMP, PROTO_ICMP6, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from '../codes.js';
import type { Bytes } from './bytes.js';
import { HEADER_LIMIT, type Packet, walkExtensions } from './packet.js';
import { NO_SEGMENT } from './tcp-conversation.js';
import type { Transport } from './transport.js';

/** Of the transport header an error quotes at least so much: ports, or type and identifier. */
const QUOTED_TRANSPORT = 8;

/** The shortest transport header that a whole packet has; what is not listed has none. */
const LEAST: Readonly<Record<number, number>> = {
  [PROTO_TCP]: 20,
  [PROTO_UDP]: 8,
  [PROTO_SCTP]: 12,
  [PROTO_ICMP]: 8,
  [PROTO_ICMP6]: 8,
};

/** A packet as an ICMP error quotes it. */
export interface Quote {
  readonly packet: Packet;
  /** Of TCP. */
  readonly sequence: number;
}

/** What follows the addresses in a quoted packet. */
interface Inside {
  readonly ends: Pick<Packet, 'family' | 'source' | 'destination' | 'hopLimit'>;
  readonly protocol: number;
  readonly fragment: boolean;
  /** What is quoted of the transport header and its payload. */
  readonly upper: Bytes;
  /** How long they were, by what the quoted headers say. */
  readonly length: number;
}

/** The packet that an ICMP error quotes, cut short as it may be; null when it cannot be told. */
export function parseQuote(family: 4 | 6, bytes: Bytes): Quote | null {
  const inside = family === 4 ? insideIpv4(bytes) : insideIpv6(bytes);
  if (inside === null) return null;
  const { ends, protocol } = inside;
  const read = readTransport(inside);
  if (read === null) return null;
  const { transport, sequence } = read;
  return { packet: { ...ends, protocol, fragment: null, whole: true, transport }, sequence };
}

function insideIpv4(ip: Bytes): Inside | null {
  if (ip.length < 20 || ip.byte(0) >> 4 !== 4) return null;
  const header = (ip.byte(0) & 15) * 4;
  const total = ip.word(2);
  if (header < 20 || header > total || header > ip.length) return null;
  const offset = ip.word(6) & 0x1fff;
  // Later fragments show no ports.
  if (offset > 0) return null;
  return {
    ends: {
      family: 4,
      source: fromV4(ip.slice(12, 4)),
      destination: fromV4(ip.slice(16, 4)),
      hopLimit: ip.byte(8),
    },
    protocol: ip.byte(9),
    fragment: (ip.word(6) & 0x2000) !== 0,
    upper: ip.first(Math.min(ip.length, total)).after(header),
    length: total - header,
  };
}

function insideIpv6(ip: Bytes): Inside | null {
  if (ip.length < 40 || ip.byte(0) >> 4 !== 6) return null;
  const payload = ip.word(4);
  const quoted = ip.after(40);
  if (quoted.start > HEADER_LIMIT) return null;
  const walk = walkExtensions(ip.byte(6), quoted.first(Math.min(quoted.length, payload)));
  if (walk === 'malformed-ext' || walk.upper === null) return null;
  return {
    ends: {
      family: 6,
      source: ip.slice(8, 16),
      destination: ip.slice(24, 16),
      hopLimit: ip.byte(7),
    },
    protocol: walk.protocol,
    fragment: walk.fragment !== null,
    upper: walk.upper,
    length: payload - (walk.upper.start - quoted.start),
  };
}

function readTransport(
  inside: Inside,
): { readonly transport: Transport | null; readonly sequence: number } | null {
  const { ends, protocol, upper, length, fragment } = inside;
  const foreign = protocol === (ends.family === 4 ? PROTO_ICMP6 : PROTO_ICMP);
  const least = foreign ? undefined : LEAST[protocol];
  if (least === undefined) return { transport: null, sequence: 0 };
  if (upper.start > HEADER_LIMIT || length < least || upper.length < QUOTED_TRANSPORT) return null;
  const ports = { sourcePort: upper.word(0), destinationPort: upper.word(2) };
  const sequence = upper.word(4) * 0x10000 + upper.word(6);
  switch (protocol) {
    case PROTO_TCP:
      return { transport: { kind: 'tcp', ...ports, ...NO_SEGMENT, sequence }, sequence };
    case PROTO_SCTP:
      return { transport: { kind: 'sctp', ...ports, init: false }, sequence: 0 };
    case PROTO_UDP: {
      const datagram = upper.word(4);
      if (datagram < 8 || (datagram > length && !fragment)) return null;
      return { transport: { kind: 'udp', ...ports }, sequence: 0 };
    }
    default: {
      const [type, identifier] = [upper.byte(0), upper.word(4)];
      return { transport: { kind: 'icmp', type, identifier, body: upper.after(8) }, sequence: 0 };
    }
  }
}
