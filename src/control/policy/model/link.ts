import { PROTO_ICMP6 } from '../codes.js';
import { type Frame, isArp, macText } from './frame.js';
import type { Packet } from './packet.js';

const PROTO_IGMP = 2;
const REDIRECT_V4 = 5;
const REDIRECT_V6 = 137;
const ROUTER_ADVERTISEMENT = 134;
/** Router solicitation, neighbour solicitation and advertisement. */
const DISCOVERY: ReadonlySet<number> = new Set([133, 135, 136]);
/** MLD. */
const MEMBERSHIP: ReadonlySet<number> = new Set([130, 131, 132, 143]);

/** RFC 4861 6.1 and 7.1: no router has had it in its hands. */
const DISCOVERY_HOP_LIMIT = 255;
/** RFC 2710 3, RFC 3810 5: no router passes it on. */
const MEMBERSHIP_HOP_LIMIT = 1;

/** 'passes': without state and matrix; 'goes-on': to both; else why it is dropped. */
export type LinkDecision =
  | 'passes'
  | 'goes-on'
  | 'ethertype'
  | 'icmp-redirect'
  | 'ra-guard'
  | 'off-link';

/** What the link layer alone decides. */
export function judgeLink(frame: Frame, fromUplink: boolean): LinkDecision {
  if (isArp(frame)) return 'passes';
  const { packet } = frame;
  if (packet === null) return 'ethertype';
  if (packet.fragment !== null) return 'goes-on';
  // Membership is told to groups: sent to one host, it would be a way around the matrix.
  const toGroup = isGroup(packet);
  if (packet.family === 4 && packet.protocol === PROTO_IGMP) return toGroup ? 'passes' : 'goes-on';
  if (packet.transport?.kind !== 'icmp') return 'goes-on';
  const { type } = packet.transport;
  if (packet.protocol !== PROTO_ICMP6) return type === REDIRECT_V4 ? 'icmp-redirect' : 'goes-on';
  if (type === REDIRECT_V6) return 'icmp-redirect';
  if (type === ROUTER_ADVERTISEMENT && !fromUplink) return 'ra-guard';
  if (type === ROUTER_ADVERTISEMENT || DISCOVERY.has(type)) {
    return packet.hopLimit === DISCOVERY_HOP_LIMIT ? 'passes' : 'off-link';
  }
  if (!MEMBERSHIP.has(type) || !toGroup) return 'goes-on';
  const near = isLinkLocal(packet.source) || packet.source.every((byte) => byte === 0);
  return near && packet.hopLimit === MEMBERSHIP_HOP_LIMIT ? 'passes' : 'off-link';
}

function isLinkLocal(address: Uint8Array): boolean {
  return address[0] === 0xfe && address[1]! >> 6 === 2;
}

function isGroup({ family, destination }: Packet): boolean {
  return family === 4 ? destination[destination.length - 4]! >> 4 === 0xe : destination[0] === 0xff;
}

/** The reserved multicast addresses that a node may forward, by their last byte. */
export interface ReservedActions {
  /** `kernel`: the kernel bridge takes them. */
  readonly bpdu: 'forward' | 'drop' | 'kernel';
  readonly lacp: 'forward' | 'drop';
  readonly eapol: 'forward' | 'drop';
  readonly lldp: 'forward' | 'drop';
}

const SLOW_PROTOCOLS = 0x8809;
const PORT_ACCESS = 0x888e;
const LLDP = 0x88cc;

/**
 * What becomes of a frame for 01:80:c2:00:00:00 to 0f, null for every other destination. Each address
 * is for one protocol: IP in a frame to it would get past the matrix.
 */
export function reservedAction(
  frame: Frame,
  actions: ReservedActions,
): ReservedActions['bpdu'] | null {
  const mac = macText(frame.destinationMac);
  if (!mac.startsWith('0180c200000')) return null;
  switch (mac.slice(-1)) {
    case '0':
      if (frame.bpdu === null) return 'drop';
      // One with a tag is nothing for the kernel bridge, and would reach the box's own stack.
      return actions.bpdu === 'kernel' && frame.tags[0] !== 0 ? 'drop' : actions.bpdu;
    case '2':
      return frame.ethertype === SLOW_PROTOCOLS ? actions.lacp : 'drop';
    case '3':
      return frame.ethertype === PORT_ACCESS ? actions.eapol : 'drop';
    case 'e':
      return frame.ethertype === LLDP ? actions.lldp : 'drop';
    default:
      return 'drop';
  }
}
