/** Packed connections, see StateDumpResponse in node.proto, and back into what people read. */
import * as layouts from '../../generated/layouts.js';
import { protocolName } from '../dataplane/states.js';
import { formatAddress } from '../policy/address.js';
import type { StateEntry, StateRows, Traffic } from '../service.js';

const { RowFlags } = layouts;
/** Bytes of a connection. */
const ROW = layouts.stateRow.size;

/** Reads the messages of one listing, in their order. */
export class StateRowReader {
  readonly #rules = new Map<number, string>();
  #phases: readonly string[] = [];

  /** The connections of one message. */
  read({ rows, rules, phases }: StateRows): StateEntry[] {
    for (const { slot, id } of rules) this.#rules.set(slot, id);
    if (phases.length > 0) this.#phases = phases;
    const entries: StateEntry[] = [];
    for (let at = 0; at + ROW <= rows.length; at += ROW) {
      entries.push(this.#entry(layouts.stateRow.decode(rows, at)));
    }
    return entries;
  }

  #entry(row: layouts.StateRow): StateEntry {
    const { flags } = row;
    const transit = (flags & RowFlags.TRANSIT) !== 0;
    const counted = (flags & RowFlags.COUNTED) !== 0;
    const out = this.#rule(row.ruleOut);
    return {
      proto: protocolName(row.proto),
      src: formatAddress(row.source.byte),
      sport: row.sourcePort,
      dst: formatAddress(row.destination.byte),
      dport: row.destinationPort,
      vlan: row.vlan.filter((tag) => tag !== 0),
      phase: this.#phases[row.phase] ?? String(row.phase),
      pickedUp: (flags & RowFlags.PICKED_UP) !== 0,
      age: row.age,
      idle: row.idle,
      timeout: row.left,
      rules: {
        out: transit ? null : out,
        in: this.#rule(row.ruleIn),
        transit: transit ? out : null,
      },
      sent: counted ? traffic(row.sent) : null,
      received: counted ? traffic(row.received) : null,
    };
  }

  #rule(slot: number): string | null {
    return this.#rules.get(slot) || null;
  }
}

function traffic({ packets, bytes }: layouts.RowTraffic): Traffic {
  return { packets: Number(packets), bytes: Number(bytes) };
}
