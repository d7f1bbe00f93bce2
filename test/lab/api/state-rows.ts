/** Connections in the packed form of the API, as the kernel writes them. */
import { phaseNames } from '../../../src/control/dataplane/states.js';
import { readAddress } from '../../../src/control/policy/address.js';
import type { StateEntry, StateRows } from '../../../src/control/service.js';
import * as layouts from '../../../src/generated/layouts.js';

const { RowFlags } = layouts;
const PROTOCOLS: Record<string, number> = { icmp: 1, tcp: 6, udp: 17, icmp6: 58, sctp: 132 };
const NOTHING = { packets: 0n, bytes: 0n };

/** Numbers the rules of each batch anew. */
export function rowsOf(entries: readonly StateEntry[]): StateRows {
  const rules: string[] = [];
  const slotOf = (id: string | null): number => {
    if (id === null) return 0;
    if (!rules.includes(id)) rules.push(id);
    return rules.indexOf(id) + 1;
  };
  const rows = Buffer.concat(entries.map((entry) => layouts.stateRow.encode(row(entry, slotOf))));
  return { rows, rules: rules.map((id, i) => ({ slot: i + 1, id })), phases: phaseNames() };
}

function row(entry: StateEntry, slotOf: (id: string | null) => number): layouts.StateRow {
  const { rules, sent, received } = entry;
  const flags =
    (rules.transit === null ? 0 : RowFlags.TRANSIT) |
    (entry.pickedUp ? RowFlags.PICKED_UP : 0) |
    (sent === null ? 0 : RowFlags.COUNTED);
  return {
    source: { byte: readAddress(entry.src) as Uint8Array },
    destination: { byte: readAddress(entry.dst) as Uint8Array },
    ...{ sourcePort: entry.sport, destinationPort: entry.dport },
    vlan: [entry.vlan[0] ?? 0, entry.vlan[1] ?? 0],
    proto: PROTOCOLS[entry.proto] ?? Number(entry.proto),
    phase: phaseNames().indexOf(entry.phase),
    flags,
    ...{ age: entry.age, idle: entry.idle, left: entry.timeout },
    ruleOut: slotOf(rules.transit ?? rules.out),
    ruleIn: slotOf(rules.in),
    sent: trafficOf(sent),
    received: trafficOf(received),
  };
}

function trafficOf(traffic: StateEntry['sent']): layouts.RowTraffic {
  if (traffic === null) return NOTHING;
  return { packets: BigInt(traffic.packets), bytes: BigInt(traffic.bytes) };
}
