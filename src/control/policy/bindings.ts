/** Where a screened host may speak from: VLANs, a port, a MAC. What is not said may be anything. */

import { hostPrefix, type Prefix, prefixKey } from './address.js';
import { isList, type Node } from './document/nodes.js';
import { quote } from './errors.js';
import type { Position } from './plan.js';
import type { Entry, Fields, Reader } from './reader.js';

/** VLAN ids, the outer one first; 0: no such tag. */
export type Vlan = readonly [outer: number, inner: number];

export interface Binding {
  /** Its frames have these tags and no others; null: any. */
  readonly vlan: Vlan | null;
  /** Name of a port in the node file. */
  readonly port: string | null;
  readonly portPosition: Position | null;
  /** `aa:bb:cc:dd:ee:ff` */
  readonly mac: string | null;
}

export const UNBOUND: Binding = { vlan: null, port: null, portPosition: null, mac: null };

/** Keys of a host that {@link readBinding} reads. */
export const BINDING_KEYS = ['vlan', 'port', 'mac'] as const;

const LAST_VLAN = 4094;
const VLAN_HINT =
  'write one of 1 to 4094, [outer, inner] for two tags, or none for untagged frames';
const PORT_HINT = 'write the name of a port of the node file, as in dn0';
const MAC_HINT = 'write it as in 52:54:00:12:34:56';
/** VLAN id of a tag as states have it, and the bit that one of 802.1ad has besides. */
const VID = 0xfff;
const TAG_SERVICE = 0x8000;
/** Bits of an address with its VLANs behind it. */
const PLACE_BITS = 160;

export function readBinding(reader: Reader, fields: Fields['entries']): Binding {
  const port = fields.get('port');
  return {
    vlan: readVlan(reader, fields.get('vlan')),
    port: port === undefined ? null : readPort(reader, port),
    portPosition: port === undefined ? null : reader.at(port.value),
    mac: readMac(reader, fields.get('mac')),
  };
}

function readVlan(reader: Reader, entry: Entry | undefined): Vlan | null {
  if (entry === undefined) return null;
  const { value, keyNode } = entry;
  if (reader.scalarText(value) === 'none') return [0, 0];
  if (!isList(value)) return [readVid(reader, value, keyNode), 0];
  const { items } = value;
  if (items.length !== 2) {
    reader.fail('wrong-type', value, `\`vlan\` has ${items.length} tags in its list`, VLAN_HINT);
  }
  return [readVid(reader, items[0]!, value), readVid(reader, items[1]!, value)];
}

function readVid(reader: Reader, node: Node | null, where: Node): number {
  const text = reader.text(node, where, '`vlan`', VLAN_HINT);
  const vid = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0;
  if (vid < 1 || vid > LAST_VLAN) {
    reader.fail('wrong-type', node ?? where, `\`vlan\` cannot be ${quote(text)}`, VLAN_HINT);
  }
  return vid;
}

function readPort(reader: Reader, { value, keyNode }: Entry): string {
  const text = reader.text(value, keyNode, '`port`', PORT_HINT);
  if (!/^[^\s/]{1,15}$/.test(text)) {
    reader.fail('bad-name', value ?? keyNode, `${quote(text)} cannot name a port`, PORT_HINT);
  }
  return text;
}

function readMac(reader: Reader, entry: Entry | undefined): string | null {
  if (entry === undefined) return null;
  const { value, keyNode } = entry;
  const text = reader.text(value, keyNode, '`mac`', MAC_HINT).toLowerCase();
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text)) {
    reader.fail('wrong-type', value ?? keyNode, `${quote(text)} is not a MAC`, MAC_HINT);
  }
  if (Number.parseInt(text.slice(0, 2), 16) & 1 || text === '00:00:00:00:00:00') {
    const hint = 'write that of its interface: no frame has this one as its source';
    reader.fail('wrong-type', value ?? keyNode, `${text} is nobody's MAC`, hint);
  }
  return text;
}

export function isBound({ vlan, port, mac }: Binding): boolean {
  return vlan !== null || port !== null || mac !== null;
}

/** Can a frame be in both? Null: in any. */
export function vlansMeet(a: Vlan | null, b: Vlan | null): boolean {
  return a === null || b === null || (a[0] === b[0] && a[1] === b[1]);
}

/**
 * The VLANs of a frame by its tags, as states have them; null: no host can be in those. Which of the two
 * kinds of tag the outer one of two is depends on who set it: it is the same VLAN.
 */
export function vlanOf([outer, inner]: readonly [number, number]): Vlan | null {
  const first = inner === 0 ? outer : outer & ~TAG_SERVICE;
  return ((first | inner) & ~VID) === 0 ? [first, inner] : null;
}

/** As people write it: `10`, `[100, 10]`, `none`. */
export function vlanText([outer, inner]: Vlan): string {
  if (inner !== 0) return `[${outer}, ${inner}]`;
  return outer === 0 ? 'none' : String(outer);
}

/** As a policy writes it, in one line; '' where nothing is bound. */
export function bindingText({ vlan, port, mac }: Binding): string {
  const parts = [
    vlan === null ? [] : [`vlan: ${vlanText(vlan)}`],
    port === null ? [] : [`port: ${port}`],
    mac === null ? [] : [`mac: ${mac}`],
  ];
  return parts.flat().join(', ');
}

/**
 * What one address is in VLANs, as a prefix inside that of the address: of all the places where frames
 * have it, the one with these tags.
 */
export function placeOf(address: Uint8Array, vlan: Vlan | null): Prefix {
  const whole = hostPrefix(address);
  if (vlan === null) return whole;
  const place = new Uint8Array(20);
  place.set(address);
  place.set([vlan[0] >> 8, vlan[0] & 0xff, vlan[1] >> 8, vlan[1] & 0xff], 16);
  const tags = Buffer.from(place.subarray(16)).toString('hex');
  const key = prefixKey(address, PLACE_BITS) + tags;
  return { family: whole.family, address: place, length: PLACE_BITS, key };
}

/** The VLANs of a prefix that {@link placeOf} made; null of every other one. */
export function vlanOfPlace({ address, length }: Prefix): Vlan | null {
  if (length !== PLACE_BITS) return null;
  return [(address[16]! << 8) | address[17]!, (address[18]! << 8) | address[19]!];
}
