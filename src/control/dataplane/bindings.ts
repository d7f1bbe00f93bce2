/** Where hosts may speak from, in the shapes that the packet path reads. */
import * as layouts from '../../generated/layouts.js';
import { isBound, type Vlan } from '../policy/bindings.js';
import type { AddressEntry, Plan } from '../policy/plan.js';
import { macBytes, NO_MAC } from './ports.js';

const { BoundPort, ClassFlags, TaggedLength } = layouts;

/** Numbers of this node's ports, by name. */
export type PortNumbers = ReadonlyMap<string, number>;

/** What `struct address_class` says of a binding. */
export type Bound = Pick<layouts.AddressClass, 'flags' | 'port' | 'mac'>;

export const UNBOUND_VALUE: Bound = { flags: 0, port: 0, mac: macBytes(NO_MAC) };

/** What a key has instead of a prefix length, for one address in VLANs. */
export function taggedLength([outer, inner]: Vlan): number {
  return (TaggedLength.TAGGED | (outer << TaggedLength.OUTER_AT) | inner) >>> 0;
}

/** A port that this node does not have is none: its host speaks from nowhere. */
export function boundValue(
  { hosts }: Plan,
  { host, tagged }: AddressEntry,
  ports: PortNumbers,
): Bound {
  if (tagged) return { ...UNBOUND_VALUE, flags: ClassFlags.TAGGED | ClassFlags.BOUND };
  const binding = hosts[host - 1]?.binding;
  if (binding === undefined || !isBound(binding)) return UNBOUND_VALUE;
  const { port, mac } = binding;
  const flags = (port === null ? 0 : ClassFlags.PORT) | (mac === null ? 0 : ClassFlags.MAC);
  return {
    flags: ClassFlags.BOUND | flags,
    port: port === null ? 0 : (ports.get(port) ?? BoundPort.NOWHERE),
    mac: macBytes(mac ?? NO_MAC),
  };
}
