import { fromV4 } from '../address.js';
import { Bytes } from './bytes.js';
import { type Claim, claimIn } from './claim.js';
import type { Malformed } from './malformed.js';
import { type Packet, parseIpv4, parseIpv6 } from './packet.js';

/** VLAN tag as state keys and learned MACs carry it: VLAN id, with this bit for 802.1ad. */
export const TAG_SERVICE = 0x8000;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const TPID_SERVICE = 0x88a8;
const TPIDS: ReadonlySet<number> = new Set([0x8100, TPID_SERVICE, 0x9100]);
/** Below this, the field is a length (802.3) and not an ethertype. */
const FIRST_ETHERTYPE = 0x600;
const MAX_TAGS = 2;

export interface Frame {
  /** 6 bytes each. */
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
  /** Outer first; 0 for none and for priority tags. */
  readonly tags: readonly [number, number];
  /** After the tags; a length when below 0x600. */
  readonly ethertype: number;
  /** IP or ARP inside an 802.3 frame with SNAP. */
  readonly wrapped: boolean;
  /** Of the ethertype of probes (IEEE 802 local experimental 2), and without a tag. */
  readonly probe: boolean;
  /** Bytes. */
  readonly length: number;
  /** A frame of the spanning tree protocol: does it tell of a topology change? Else null. */
  readonly bpdu: { readonly topologyChange: boolean } | null;
  /** Of ARP: the sender's hardware address. */
  readonly arpSender: Uint8Array | null;
  /** What ARP or neighbour discovery tells. */
  readonly claim: Claim | null;
  readonly packet: Packet | null;
}

/** Parses a whole Ethernet frame, without its checksum. */
export function parseFrame(data: Uint8Array): Frame | Malformed {
  if (data.length < 14) return 'malformed-eth';
  let rest = new Bytes(data);
  const destinationMac = rest.slice(0, 6);
  const sourceMac = rest.slice(6, 6);
  let ethertype = rest.word(12);
  rest = rest.after(14);
  const tags: [number, number] = [0, 0];
  for (let i = 0; TPIDS.has(ethertype); i++) {
    if (i === MAX_TAGS || rest.length < 4) return 'malformed-vlan';
    const vid = rest.word(0) & 0xfff;
    tags[i] = ethertype === TPID_SERVICE && vid !== 0 ? vid | TAG_SERVICE : vid;
    ethertype = rest.word(2);
    rest = rest.after(4);
  }
  const wrapped = ethertype < FIRST_ETHERTYPE && holdsSnap(rest);
  const bpdu = ethertype < FIRST_ETHERTYPE ? bpduIn(rest) : null;
  const { length } = data;
  const probe = data[12] === 0x88 && data[13] === 0xb6;
  const frame = { destinationMac, sourceMac, tags, ethertype, wrapped, probe, length, bpdu };
  if (ethertype === ETHERTYPE_ARP) {
    if (!isWholeArp(rest)) return 'malformed-arp';
    const mac = rest.slice(8, 6);
    const claim = { address: fromV4(rest.slice(14, 4)), mac };
    return { ...frame, arpSender: mac, claim, packet: null };
  }
  if (ethertype !== ETHERTYPE_IPV4 && ethertype !== ETHERTYPE_IPV6) {
    return { ...frame, arpSender: null, claim: null, packet: null };
  }
  const packet = ethertype === ETHERTYPE_IPV4 ? parseIpv4(rest) : parseIpv6(rest);
  if (typeof packet === 'string') return packet;
  return { ...frame, arpSender: null, claim: claimIn(packet), packet };
}

/** As hexadecimal digits. */
export function macText(mac: Uint8Array): string {
  return Buffer.from(mac).toString('hex');
}

/** Is this the ethertype of ARP? */
export function isArp(frame: Frame): boolean {
  return frame.arpSender !== null;
}

function isWholeArp(arp: Bytes): boolean {
  if (arp.length < 28) return false;
  const ethernet = arp.word(0) === 1 && arp.byte(4) === 6;
  const ipv4 = arp.word(2) === ETHERTYPE_IPV4 && arp.byte(5) === 4;
  return ethernet && ipv4 && (arp.word(6) === 1 || arp.word(6) === 2);
}

/** LLC with SNAP that carries IP or ARP (RFC 1042, and the bridge tunnel encapsulation). */
function holdsSnap(llc: Bytes): boolean {
  if (llc.length < 8) return false;
  const snap = llc.byte(0) === 0xaa && llc.byte(1) === 0xaa && llc.byte(2) === 3;
  const organisation = (llc.byte(3) << 16) | llc.word(4);
  const carried = [ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP].includes(llc.word(6));
  return snap && carried && (organisation === 0 || organisation === 0xf8);
}

const BPDU_NOTIFICATION = 0x80;
const BPDU_TOPOLOGY_CHANGE = 1;

/** LLC of the spanning tree protocol (IEEE 802.1D 9.3): protocol, version, type, and mostly flags. */
function bpduIn(llc: Bytes): Frame['bpdu'] {
  if (llc.length < 7) return null;
  if (llc.byte(0) !== 0x42 || llc.byte(1) !== 0x42 || llc.byte(2) !== 3) return null;
  const told = llc.length > 7 && (llc.byte(7) & BPDU_TOPOLOGY_CHANGE) !== 0;
  return { topologyChange: llc.byte(6) === BPDU_NOTIFICATION || told };
}
