/** Reads a logged frame: the link layer header and as much of the rest as the record carries. */

/** What a frame says about itself. Fields that it does not have are '', 0 or null. */
export interface FrameFacts {
  readonly srcMac: string;
  readonly dstMac: string;
  /** VLAN ids, outer first; priority tags are left out. */
  readonly vlan: readonly number[];
  /** Behind all tags. */
  readonly etherType: number;
  /** Where in the frame the network header begins. */
  readonly networkOffset: number;
  /** `tcp`, `udp`, `sctp`, `icmp`, `icmp6`, `arp`, the number of another IP protocol, or `0x88cc` style ethertype. */
  readonly proto: string;
  readonly src: string;
  /** 0: no ports, or they were not carried (fragments). */
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly icmpType: number | null;
  readonly icmpCode: number | null;
  /** Flag byte of TCP. */
  readonly tcpFlags: number | null;
  /** A fragment other than an atomic one. */
  readonly fragment: boolean;
}

/** A VLAN tag that the kernel holds beside the frame. */
export interface OutOfBandTag {
  readonly protocol: number;
  readonly tci: number;
}

const MAC_BYTES = 12;
const VLAN_ID = 0x0fff;
const MAX_TAGS = 4;
const EtherType = {
  IPV4: 0x0800,
  ARP: 0x0806,
  VLAN: 0x8100,
  IPV6: 0x86dd,
  SERVICE: 0x88a8,
} as const;
const Protocol = { ICMP: 1, TCP: 6, UDP: 17, ICMP6: 58, SCTP: 132 } as const;
const PROTOCOL_NAMES: Record<number, string> = {
  [Protocol.ICMP]: 'icmp',
  [Protocol.TCP]: 'tcp',
  [Protocol.UDP]: 'udp',
  [Protocol.ICMP6]: 'icmp6',
  [Protocol.SCTP]: 'sctp',
};
/** Extension headers that are walked: hop-by-hop, routing, fragment, AH, destination options, mobility. */
const FRAGMENT_HEADER = 44;
const AUTHENTICATION_HEADER = 51;
const EXTENSION_HEADERS = new Set([0, 43, FRAGMENT_HEADER, AUTHENTICATION_HEADER, 60, 135]);
const MAX_EXTENSIONS = 16;

interface IpFacts {
  proto: string;
  src: string;
  sport: number;
  dst: string;
  dport: number;
  icmpType: number | null;
  icmpCode: number | null;
  tcpFlags: number | null;
  fragment: boolean;
}

/**
 * Reads a frame that begins with its Ethernet header. It never throws: what is cut short or
 * malformed is left empty.
 *
 * @param tag the outer VLAN tag, when the kernel has taken it out of the frame
 */
export function decodeFrame(frame: Buffer, tag?: OutOfBandTag): FrameFacts {
  const ip = empty();
  const facts = { srcMac: '', dstMac: '', vlan: [] as number[], etherType: 0, networkOffset: 0 };
  if (frame.length < MAC_BYTES + 2) return { ...facts, ...ip };
  facts.dstMac = mac(frame.subarray(0, 6));
  facts.srcMac = mac(frame.subarray(6, 12));
  if (tag !== undefined) pushTag(facts.vlan, tag.tci);
  let at = MAC_BYTES;
  let etherType = frame.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < MAX_TAGS && isTag(etherType) && at + 4 <= frame.length; i++) {
    pushTag(facts.vlan, frame.readUInt16BE(at));
    etherType = frame.readUInt16BE(at + 2);
    at += 4;
  }
  facts.etherType = etherType;
  facts.networkOffset = at;
  const payload = frame.subarray(at);
  if (etherType === EtherType.IPV4) decodeIpv4(payload, ip);
  else if (etherType === EtherType.IPV6) decodeIpv6(payload, ip);
  else if (etherType === EtherType.ARP) decodeArp(payload, ip);
  else ip.proto = `0x${etherType.toString(16).padStart(4, '0')}`;
  return { ...facts, ...ip };
}

function empty(): IpFacts {
  return {
    proto: '',
    src: '',
    sport: 0,
    dst: '',
    dport: 0,
    icmpType: null,
    icmpCode: null,
    tcpFlags: null,
    fragment: false,
  };
}

function isTag(etherType: number): boolean {
  return etherType === EtherType.VLAN || etherType === EtherType.SERVICE;
}

function pushTag(tags: number[], tci: number): void {
  if ((tci & VLAN_ID) !== 0) tags.push(tci & VLAN_ID);
}

function decodeArp(packet: Buffer, into: IpFacts): void {
  into.proto = 'arp';
  if (packet.length < 28 || packet.readUInt8(4) !== 6 || packet.readUInt8(5) !== 4) return;
  into.src = ipv4Text(packet.subarray(14, 18));
  into.dst = ipv4Text(packet.subarray(24, 28));
}

function decodeIpv4(packet: Buffer, into: IpFacts): void {
  if (packet.length < 20) return;
  const headerLength = (packet.readUInt8(0) & 0x0f) * 4;
  const fragmentField = packet.readUInt16BE(6);
  into.src = ipv4Text(packet.subarray(12, 16));
  into.dst = ipv4Text(packet.subarray(16, 20));
  into.fragment = (fragmentField & 0x3fff) !== 0;
  const protocol = packet.readUInt8(9);
  const first = (fragmentField & 0x1fff) === 0 && headerLength >= 20;
  decodeTransport(protocol, first ? packet.subarray(headerLength) : Buffer.alloc(0), into);
}

function decodeIpv6(packet: Buffer, into: IpFacts): void {
  if (packet.length < 40) return;
  into.src = ipv6Text(packet.subarray(8, 24));
  into.dst = ipv6Text(packet.subarray(24, 40));
  let next = packet.readUInt8(6);
  let at = 40;
  let first = true;
  for (let i = 0; i < MAX_EXTENSIONS && EXTENSION_HEADERS.has(next); i++) {
    if (at + 8 > packet.length) break;
    if (next === FRAGMENT_HEADER) {
      const field = packet.readUInt16BE(at + 2);
      into.fragment ||= (field & 0xfff9) !== 0;
      first &&= field >> 3 === 0;
    }
    const units = packet.readUInt8(at + 1);
    const length =
      next === FRAGMENT_HEADER
        ? 8
        : next === AUTHENTICATION_HEADER
          ? (units + 2) * 4
          : (units + 1) * 8;
    next = packet.readUInt8(at);
    at += length;
    if (!first) break;
  }
  decodeTransport(next, first ? packet.subarray(at) : Buffer.alloc(0), into);
}

function decodeTransport(protocol: number, segment: Buffer, into: IpFacts): void {
  into.proto = PROTOCOL_NAMES[protocol] ?? String(protocol);
  if (protocol === Protocol.ICMP || protocol === Protocol.ICMP6) {
    into.icmpType = segment.length > 0 ? segment.readUInt8(0) : null;
    into.icmpCode = segment.length > 1 ? segment.readUInt8(1) : null;
    return;
  }
  const hasPorts =
    protocol === Protocol.TCP || protocol === Protocol.UDP || protocol === Protocol.SCTP;
  if (!hasPorts || segment.length < 4) return;
  into.sport = segment.readUInt16BE(0);
  into.dport = segment.readUInt16BE(2);
  if (protocol === Protocol.TCP && segment.length > 13) into.tcpFlags = segment.readUInt8(13);
}

function mac(bytes: Buffer): string {
  return bytes.toString('hex').match(/../g)!.join(':');
}

function ipv4Text(bytes: Buffer): string {
  return [...bytes].join('.');
}

/** As RFC 5952 writes it: lower case, the longest run of zero groups as `::`. */
export function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(':');
  const head = hex.slice(0, best.start).join(':');
  return `${head}::${hex.slice(best.start + best.length).join(':')}`;
}
