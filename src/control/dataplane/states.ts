/** Connections, as people read them. */
import * as layouts from '../../generated/layouts.js';
import { formatAddress } from '../policy/address.js';
import type { StateEntry, Traffic } from '../service.js';
import { Protocol } from './frame.js';

const { Phase, StateBits, TagBits } = layouts;

const PROTOCOL_NAMES = new Map<number, string>([
  [Protocol.TCP, 'tcp'],
  [Protocol.UDP, 'udp'],
  [Protocol.SCTP, 'sctp'],
  [Protocol.ICMP, 'icmp'],
  [Protocol.ICMP6, 'icmp6'],
]);
const PHASE_NAMES = new Map<number, string>(
  Object.entries(Phase).map(([name, number]) => [number, name.toLowerCase().replaceAll('_', '-')]),
);

/** `tcp`, `udp`, ..., or the number of a protocol that has no name here. */
export function protocolName(protocol: number): string {
  return PROTOCOL_NAMES.get(protocol) ?? String(protocol);
}

/** `syn-sent`, `established`, ... */
export function phaseName(phase: number): string {
  return PHASE_NAMES.get(phase) ?? String(phase);
}

/** Names of all phases, by their numbers. */
export function phaseNames(): string[] {
  return Array.from({ length: Phase.COUNT }, (_, phase) => phaseName(phase));
}

/** Who speaks with whom in a connection: first the end that opened it. */
export function endsOf(
  key: layouts.StateKey,
  word: number,
): Pick<StateEntry, 'proto' | 'src' | 'sport' | 'dst' | 'dport' | 'vlan'> {
  const icmp = key.proto === Protocol.ICMP || key.proto === Protocol.ICMP6;
  const low = { address: formatAddress(key.low.byte), port: key.lowPort };
  const high = { address: formatAddress(key.high.byte), port: key.highPort };
  const [from, to] = (word & StateBits.ORIG_HIGH) !== 0 ? [high, low] : [low, high];
  return {
    proto: protocolName(key.proto),
    src: from.address,
    sport: icmp ? key.lowPort : from.port,
    dst: to.address,
    dport: icmp ? key.highPort & 0xff : to.port,
    vlan: key.tag.filter((tag) => tag !== 0).map((tag) => tag & TagBits.VID),
  };
}

/** What either end has sent, of the counters of the lower address and the higher one. */
export function trafficOf(
  counters: readonly layouts.SessionCounter[],
  word: number,
): { sent: Traffic; received: Traffic } {
  const [low, high] = counters.map(({ packets, bytes }) => ({
    packets: Number(packets),
    bytes: Number(bytes),
  })) as [Traffic, Traffic];
  const fromHigh = (word & StateBits.ORIG_HIGH) !== 0;
  return fromHigh ? { sent: high, received: low } : { sent: low, received: high };
}
