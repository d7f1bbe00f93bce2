/**
 * Service codes: one number for every service that a packet can ask for. The numbers are those of
 * `enum service_code` in bpf/layout_policy.h (a test holds the two together).
 */
export const SERVICE_TCP = 0;
export const SERVICE_UDP = 0x10000;
export const SERVICE_SCTP = 0x20000;
export const SERVICE_ICMP = 0x30000;
export const SERVICE_ICMP6 = 0x30100;
export const SERVICE_PROTO = 0x30200;
/** How many codes there are. */
export const SERVICE_CODES = 0x30300;

export const PROTO_ICMP = 1;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_ICMP6 = 58;
export const PROTO_SCTP = 132;

/** Codes from `low` to `high`, both included. */
export interface CodeRange {
  readonly low: number;
  readonly high: number;
}

/** How many codes a range covers: the measure of "narrowest". */
export function rangeWidth(range: CodeRange): number {
  return range.high - range.low + 1;
}

/**
 * The code that a packet asks for. `port` is the destination port, or the type of an ICMP message;
 * ICMP inside the other family is a protocol like any other.
 */
export function serviceCode(family: 4 | 6, protocol: number, port: number): number {
  if (protocol === PROTO_TCP) return SERVICE_TCP + port;
  if (protocol === PROTO_UDP) return SERVICE_UDP + port;
  if (protocol === PROTO_SCTP) return SERVICE_SCTP + port;
  if (protocol === PROTO_ICMP && family === 4) return SERVICE_ICMP + port;
  if (protocol === PROTO_ICMP6 && family === 6) return SERVICE_ICMP6 + port;
  return SERVICE_PROTO + protocol;
}

/** All codes of an IP protocol. ICMP and ICMPv6 have a code of their own inside the other family. */
export function protocolRanges(protocol: number): CodeRange[] {
  const single = { low: SERVICE_PROTO + protocol, high: SERVICE_PROTO + protocol };
  if (protocol === PROTO_TCP) return [{ low: SERVICE_TCP, high: SERVICE_UDP - 1 }];
  if (protocol === PROTO_UDP) return [{ low: SERVICE_UDP, high: SERVICE_SCTP - 1 }];
  if (protocol === PROTO_SCTP) return [{ low: SERVICE_SCTP, high: SERVICE_ICMP - 1 }];
  if (protocol === PROTO_ICMP) return [{ low: SERVICE_ICMP, high: SERVICE_ICMP6 - 1 }, single];
  if (protocol === PROTO_ICMP6) return [{ low: SERVICE_ICMP6, high: SERVICE_PROTO - 1 }, single];
  return [single];
}
