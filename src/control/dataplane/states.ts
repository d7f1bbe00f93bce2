/** Live states, as people read them. */
import * as layouts from '../../generated/layouts.js';
import { formatAddress } from '../policy/address.js';
import type { StateEntry, Traffic } from '../service.js';
import type { Clock } from './clock.js';
import { Protocol } from './frame.js';
import { records, slices } from './iterate.js';
import type { Dataplane } from './object.js';

const { Phase, StateBits, TagBits } = layouts;
const SLICE = 32768;

/** Id of the rule in a slot; null: none. */
export type RuleIdOf = (slot: number) => string | null;

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

/** One record of the dump, seen from the side that opened the connection. */
export function describeState(
  record: layouts.StateRecord,
  now: bigint,
  clock: Pick<Clock, 'seconds'>,
  ruleId: RuleIdOf,
): StateEntry {
  const { key, state, timeout } = record;
  const transit = (state.word & StateBits.TRANSIT) !== 0;
  const counted = (state.word & StateBits.COUNTED) !== 0;
  const out = ruleId(state.ruleOut);
  return {
    ...endsOf(key, state.word),
    phase: phaseName(state.word & StateBits.PHASE),
    pickedUp: (state.word & StateBits.PICKED_UP) !== 0,
    age: Math.floor(clock.seconds(state.born, now)),
    timeout: Math.ceil(clock.seconds(0n, timeout)),
    rules: {
      out: transit ? null : out,
      in: ruleId(state.ruleIn),
      transit: transit ? out : null,
    },
    ...(counted ? trafficOf(record.sent, state.word) : { sent: null, received: null }),
  };
}

/** Batches of all live states, established ones first. */
export async function* liveStates(
  dataplane: Dataplane,
  ruleId: RuleIdOf,
): AsyncGenerator<StateEntry[]> {
  for await (const batch of liveRecords(dataplane)) {
    const now = dataplane.clock.now();
    yield batch.map((record) => describeState(record, now, dataplane.clock, ruleId));
  }
}

async function* liveRecords(dataplane: Dataplane): AsyncGenerator<layouts.StateRecord[]> {
  const size = layouts.stateRecord.size;
  for (const table of ['established', 'pending'] as const) {
    const dump = slices(dataplane.program('dump_states'), dataplane.map(table), SLICE);
    for await (const batch of records(dump, size)) {
      const decoded: layouts.StateRecord[] = [];
      for (let at = 0; at < batch.length; at += size) {
        decoded.push(layouts.stateRecord.decode(batch, at));
      }
      yield decoded;
    }
  }
}
