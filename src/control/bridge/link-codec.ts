/** rtnetlink messages about links, addresses and routes, to and from plain objects. */
import { SocketAddress } from 'node:net';
import { Attributes } from '../netlink/index.js';

export const MessageType = {
  NEW_LINK: 16,
  DELETE_LINK: 17,
  GET_LINK: 18,
  SET_LINK: 19,
  NEW_ADDRESS: 20,
  GET_ADDRESS: 22,
  NEW_ROUTE: 24,
  GET_ROUTE: 26,
} as const;

export const AddressFamily = { UNSPEC: 0, INET: 2, BRIDGE: 7, INET6: 10 } as const;

export const LinkAttribute = {
  ADDRESS: 1,
  NAME: 3,
  MTU: 4,
  MASTER: 10,
  PROTINFO: 12,
  INFO: 18,
  EXT_MASK: 29,
  CARRIER: 33,
  XDP: 43,
} as const;

export const XdpAttribute = { DESCRIPTOR: 1, FLAGS: 3 } as const;
export const XdpFlag = { generic: 2, native: 4 } as const;

export const InfoAttribute = { KIND: 1, DATA: 2, PORT_KIND: 4, PORT_DATA: 5 } as const;

export const BridgeAttribute = {
  MAX_AGE: 3,
  STP_STATE: 5,
  VLAN_FILTERING: 7,
  MULTICAST_SNOOPING: 23,
  CALL_IPTABLES: 36,
  CALL_IP6TABLES: 37,
} as const;

export const PortAttribute = {
  STATE: 1,
  HAIRPIN: 4,
  LEARNING: 8,
  UNICAST_FLOOD: 9,
  FLUSH: 26,
  MULTICAST_FLOOD: 27,
  BROADCAST_FLOOD: 30,
  ISOLATED: 33,
} as const;

/** A port whose bridge learns nothing from it, and floods everything to it. */
export const FLOOD_PORT: readonly (readonly [attribute: number, value: number])[] = [
  [PortAttribute.LEARNING, 0],
  [PortAttribute.UNICAST_FLOOD, 1],
  [PortAttribute.MULTICAST_FLOOD, 1],
  [PortAttribute.BROADCAST_FLOOD, 1],
  [PortAttribute.HAIRPIN, 0],
  [PortAttribute.ISOLATED, 0],
];

/** States of a bridge port, by the kernel's number (BR_STATE_* of linux/if_bridge.h). */
const PORT_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'] as const;

/** What a bridge does with a port; `none`: it is no port of a bridge. */
export type PortState = (typeof PORT_STATES)[number] | 'none';

/** Bits of `Link.flags` (net_device flags). */
export const LinkFlag = { UP: 1, LOOPBACK: 8, RUNNING: 0x40 } as const;

/** A network interface of this namespace. */
export interface Link {
  readonly name: string;
  readonly ifindex: number;
  /** `aa:bb:cc:dd:ee:ff`, or '' when it has none. */
  readonly mac: string;
  readonly mtu: number;
  readonly carrier: boolean;
  readonly up: boolean;
  /** ifindex of the bridge or bond it belongs to; 0: none. */
  readonly master: number;
  /** `veth`, `tun`, `bridge`, ...; '' for hardware. */
  readonly kind: string;
  /** Kind of its master as the kernel names it, such as `bridge`; '' without one. */
  readonly portKind: string;
  /** Of a bridge port; `disabled` also until the bridge has noticed the carrier. */
  readonly portState: PortState;
  /** ARPHRD number: 1 for Ethernet. */
  readonly hardware: number;
  readonly flags: number;
  /** A bridge on which the spanning tree protocol is on. */
  readonly stp: boolean;
  /** Of a bridge: seconds for which BPDUs count, as the root has it; else 0. */
  readonly maxAge: number;
  /** A bridge that filters by VLAN. */
  readonly vlanFiltering: boolean;
  /** A bridge or bridge port with the settings that a wall gives it; of other links always true. */
  readonly tuned: boolean;
}

/** An address of an interface. */
export interface LinkAddress {
  readonly ifindex: number;
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  /** IPv6 fe80::/10: the kernel gives it to every interface. */
  readonly linkLocal: boolean;
}

const LINK_HEADER = 16;
/** USER_HZ. */
const CLOCK_TICKS = 100;
const ADDRESS_HEADER = 8;
const ROUTE_HEADER = 12;
const SCOPE_LINK = 253;
const ROUTE_UNICAST = 1;
const AddressAttribute = { ADDRESS: 1, LOCAL: 2 } as const;
const RouteAttribute = { OIF: 4, MULTIPATH: 9 } as const;

/** struct ifinfomsg. `mask` says which bits of `flags` to set. */
export function linkHeader(family: number, ifindex: number, flags = 0, mask = 0): Buffer {
  const header = Buffer.alloc(LINK_HEADER);
  header.writeUInt8(family, 0);
  header.writeInt32LE(ifindex, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(mask, 12);
  return header;
}

/** struct ifaddrmsg, to ask with. */
export function addressHeader(): Buffer {
  return Buffer.alloc(ADDRESS_HEADER);
}

/** struct rtmsg, to ask with. */
export function routeHeader(family: number): Buffer {
  const header = Buffer.alloc(ROUTE_HEADER);
  header.writeUInt8(family, 0);
  return header;
}

/** A link message, or undefined when it is about something else (bridge ports have such). */
export function decodeLink(payload: Buffer): Link | undefined {
  if (payload.length < LINK_HEADER || payload.readUInt8(0) !== AddressFamily.UNSPEC)
    return undefined;
  const attributes = new Attributes(payload, LINK_HEADER);
  const info = attributes.nested(LinkAttribute.INFO);
  const bridge = info?.nested(InfoAttribute.DATA);
  const port = info?.nested(InfoAttribute.PORT_DATA);
  const portKind = info?.text(InfoAttribute.PORT_KIND) ?? '';
  const flags = payload.readUInt32LE(8);
  const kind = info?.text(InfoAttribute.KIND) ?? '';
  return {
    name: attributes.text(LinkAttribute.NAME) ?? '',
    ifindex: payload.readInt32LE(4),
    mac: macText(attributes.bytes(LinkAttribute.ADDRESS)),
    mtu: attributes.u32(LinkAttribute.MTU) ?? 0,
    carrier: attributes.u8(LinkAttribute.CARRIER) === 1,
    up: (flags & LinkFlag.UP) !== 0,
    master: attributes.u32(LinkAttribute.MASTER) ?? 0,
    kind,
    portKind,
    portState: portKind === 'bridge' ? portState(port) : 'none',
    hardware: payload.readUInt16LE(2),
    flags,
    stp: kind === 'bridge' && (bridge?.u32(BridgeAttribute.STP_STATE) ?? 0) !== 0,
    maxAge: kind === 'bridge' ? (bridge?.u32(BridgeAttribute.MAX_AGE) ?? 0) / CLOCK_TICKS : 0,
    vlanFiltering: kind === 'bridge' && bridge?.u8(BridgeAttribute.VLAN_FILTERING) === 1,
    tuned:
      (kind !== 'bridge' || isQuietBridge(bridge)) && (portKind !== 'bridge' || isFloodPort(port)),
  };
}

/** What a bridge port's notification tells of its state. */
export interface PortNotice {
  readonly ifindex: number;
  readonly state: PortState;
}

/** A message of the bridge about one of its ports; undefined when it is about something else. */
export function decodePortNotice(payload: Buffer): PortNotice | undefined {
  if (payload.length < LINK_HEADER || payload.readUInt8(0) !== AddressFamily.BRIDGE)
    return undefined;
  const attributes = new Attributes(payload, LINK_HEADER);
  const port = attributes.nested(LinkAttribute.PROTINFO);
  if (port?.u8(PortAttribute.STATE) === undefined) return undefined;
  return { ifindex: payload.readInt32LE(4), state: portState(port) };
}

function portState(port: Attributes | undefined): PortState {
  return PORT_STATES[port?.u8(PortAttribute.STATE) ?? 0] ?? 'disabled';
}

/** What Links.tuneBridge makes of a bridge, but for STP. */
function isQuietBridge(bridge: Attributes | undefined): boolean {
  return (
    bridge !== undefined &&
    bridge.u8(BridgeAttribute.MULTICAST_SNOOPING) !== 1 &&
    bridge.u8(BridgeAttribute.VLAN_FILTERING) !== 1
  );
}

/** What Links.setFloodPort makes of a port. */
function isFloodPort(port: Attributes | undefined): boolean {
  return FLOOD_PORT.every(([attribute, value]) => port?.u8(attribute) === value);
}

export function decodeAddress(payload: Buffer): LinkAddress | undefined {
  if (payload.length < ADDRESS_HEADER) return undefined;
  const attributes = new Attributes(payload, ADDRESS_HEADER);
  // On a point-to-point link ADDRESS is the other end's.
  const bytes =
    attributes.bytes(AddressAttribute.LOCAL) ?? attributes.bytes(AddressAttribute.ADDRESS);
  const family = bytes?.length === 4 ? 4 : 6;
  if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return undefined;
  return {
    ifindex: payload.readUInt32LE(4),
    family,
    address: family === 4 ? [...bytes].join('.') : ipv6Text(bytes),
    prefixLength: payload.readUInt8(1),
    linkLocal: family === 6 && payload.readUInt8(3) === SCOPE_LINK,
  };
}

/** The interfaces that a default route leaves by; none when the message is about another route. */
export function decodeDefaultRoute(payload: Buffer): number[] {
  if (payload.length < ROUTE_HEADER) return [];
  const isDefault = payload.readUInt8(1) === 0 && payload.readUInt8(7) === ROUTE_UNICAST;
  if (!isDefault) return [];
  const attributes = new Attributes(payload, ROUTE_HEADER);
  const single = attributes.u32(RouteAttribute.OIF);
  const found = single === undefined ? [] : [single];
  const hops = attributes.bytes(RouteAttribute.MULTIPATH) ?? Buffer.alloc(0);
  for (let at = 0; at + 8 <= hops.length; ) {
    const length = hops.readUInt16LE(at);
    found.push(hops.readInt32LE(at + 4));
    if (length < 8) break;
    at += (length + 3) & ~3;
  }
  return found;
}

/** `aa:bb:cc:dd:ee:ff` of six bytes, '' of anything else. */
export function macText(bytes: Uint8Array | undefined): string {
  return bytes?.length === 6 ? Buffer.from(bytes).toString('hex').match(/../g)!.join(':') : '';
}

export function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function ipv6Text(bytes: Buffer): string {
  const address = bytes.toString('hex').match(/.{4}/g)!.join(':');
  return new SocketAddress({ family: 'ipv6', address }).address;
}
