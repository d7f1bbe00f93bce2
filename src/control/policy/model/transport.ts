import { PROTO_ICMP, PROTO_ICMP6, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from '../codes.js';
import type { Bytes } from './bytes.js';
import type { Segment } from './tcp-conversation.js';
import { readOptions } from './tcp-options.js';

const INIT_CHUNK = 1;

export interface Ports {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export type Transport =
  | (Ports & { readonly kind: 'tcp' } & Segment)
  | (Ports & { readonly kind: 'udp' })
  /** `init`: the first chunk asks for an association. */
  | (Ports & { readonly kind: 'sctp'; readonly init: boolean })
  /** ICMP in IPv4, ICMPv6 in IPv6. */
  | {
      readonly kind: 'icmp';
      readonly type: number;
      readonly identifier: number;
      /** What follows the header: the quote of an error. */
      readonly body: Bytes;
    };

/** Reads the transport header; null for protocols that the wall does not look into. */
export function parseTransport(
  family: 4 | 6,
  protocol: number,
  payload: Bytes,
  fragment: boolean,
): Transport | null | 'malformed-l4' {
  switch (protocol) {
    case PROTO_TCP:
      return parseTcp(payload);
    case PROTO_UDP:
      return parseUdp(payload, fragment);
    case PROTO_SCTP:
      return parseSctp(payload);
    case family === 4 ? PROTO_ICMP : PROTO_ICMP6:
      return parseIcmp(payload);
    default:
      return null;
  }
}

function parsePorts(header: Bytes): Ports {
  return { sourcePort: header.word(0), destinationPort: header.word(2) };
}

function parseTcp(header: Bytes): Transport | 'malformed-l4' {
  if (header.length < 20) return 'malformed-l4';
  const length = (header.byte(12) >> 4) * 4;
  if (length < 20 || length > header.length) return 'malformed-l4';
  return {
    kind: 'tcp',
    ...parsePorts(header),
    flags: header.byte(13),
    sequence: header.long(4),
    acknowledgement: header.long(8),
    window: header.word(14),
    length: header.length - length,
    ...readOptions(header.first(length).after(20)),
  };
}

function parseUdp(header: Bytes, fragment: boolean): Transport | 'malformed-l4' {
  if (header.length < 8) return 'malformed-l4';
  const length = header.word(4);
  // A fragment is shorter than the datagram whose first part it is.
  if (length < 8 || (length > header.length && !fragment)) return 'malformed-l4';
  return { kind: 'udp', ...parsePorts(header) };
}

function parseSctp(header: Bytes): Transport | 'malformed-l4' {
  if (header.length < 12) return 'malformed-l4';
  const init = header.length >= 16 && header.byte(12) === INIT_CHUNK;
  return { kind: 'sctp', ...parsePorts(header), init };
}

function parseIcmp(header: Bytes): Transport | 'malformed-l4' {
  if (header.length < 8) return 'malformed-l4';
  return { kind: 'icmp', type: header.byte(0), identifier: header.word(4), body: header.after(8) };
}
