/** What a wall remembers, as words that two walls can be compared by. */
import type { MapName, ProgramName } from '../../../src/control/dataplane/object.js';
import { openPass } from '../../../src/control/dataplane/visit.js';
import * as layouts from '../../../src/generated/layouts.js';
import { ipv6Text, macText } from '../../packet/index.js';
import type { ExpectedOffence, ExpectedState, LearnedMac } from '../fixtures/types.js';
import { index, type TestWall } from './wall.js';

const { Phase, StateBits } = layouts;

const PROTOCOLS: Record<number, ExpectedState['proto']> = {
  6: 'tcp',
  17: 'udp',
  132: 'sctp',
};
const PHASES = new Map<number, string>(
  Object.entries(Phase).map(([name, number]) => [number, name.toLowerCase().replaceAll('_', '-')]),
);

export interface SeenState extends Required<ExpectedState> {
  /** Jiffies of the wall's clock. */
  readonly seen: bigint;
}

/** `syn-sent` for PHASE_SYN_SENT. */
export function phaseName(phase: number): string {
  return PHASES.get(phase) ?? `phase ${phase}`;
}

/** Every live state, by both tables; expired ones and those that are dying count as absent. */
export function liveStates(wall: TestWall): SeenState[] {
  return liveRecords(wall).map((record) => seenState(wall, record));
}

/** The same as the kernel dumps them. */
export function liveRecords(wall: TestWall): layouts.StateRecord[] {
  const states: layouts.StateRecord[] = [];
  for (const table of ['established', 'pending'] as const) {
    const all = Buffer.concat(visit(wall, 'dump_states', table));
    for (let at = 0; at < all.length; at += layouts.stateRecord.size) {
      states.push(layouts.stateRecord.decode(all, at));
    }
  }
  return states;
}

function seenState(wall: TestWall, record: layouts.StateRecord): SeenState {
  const { key, state } = record;
  const icmp = key.family === 4 ? key.proto === 1 : key.proto === 58;
  const high = (state.word & StateBits.ORIG_HIGH) !== 0;
  const transit = (state.word & StateBits.TRANSIT) !== 0;
  const [low, up] = [ipv6Text(Buffer.from(key.low.byte)), ipv6Text(Buffer.from(key.high.byte))];
  const out = wall.ruleId(state.ruleOut);
  return {
    proto: icmp ? (key.family === 4 ? 'icmp' : 'icmp6') : (PROTOCOLS[key.proto] ?? key.proto),
    src: high ? up : low,
    dst: high ? low : up,
    sport: icmp || !high ? key.lowPort : key.highPort,
    dport: icmp || !high ? key.highPort : key.lowPort,
    phase: phaseName(state.word & StateBits.PHASE),
    established: record.established === 1,
    pickedUp: (state.word & StateBits.PICKED_UP) !== 0,
    vlan: key.tag.filter((tag) => tag !== 0),
    rules: {
      out: transit ? '' : out,
      in: wall.ruleId(state.ruleIn),
      transit: transit ? out : '',
    },
    seen: state.seen,
  };
}

/** One pass of the sweep, over all tables unless some are named. */
export function sweep(
  wall: TestWall,
  tables: readonly ('established' | 'pending' | 'fdb')[] = ['established', 'pending', 'fdb'],
): void {
  for (const table of tables) visit(wall, table === 'fdb' ? 'sweep_fdb' : 'sweep_states', table);
}

/** Visits all of a map now; the records of each batch. */
function visit(wall: TestWall, program: ProgramName, map: MapName): Buffer[] {
  using pass = openPass(wall.dataplane, program, map);
  const pieces: Buffer[] = [];
  for (let piece = pass.next(); piece !== null; piece = pass.next()) pieces.push(piece);
  return pieces;
}

/** Counts anew who holds how many states. */
export function recount(wall: TestWall): void {
  const colour = wall.map('colour');
  colour.update(index(0), index(1 - colour.lookup(index(0))!.readUInt32LE(0)));
  visit(wall, 'recount_states', 'established');
  visit(wall, 'recount_holders', 'holders');
}

/** What is held, by kind and address; nothing of who holds nothing. */
export function held(wall: TestWall): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { keys, values, count } of wall.map('holders').entries()) {
    for (let i = 0; i < count; i++) {
      const { address, kind } = layouts.holderKey.decode(keys, i * layouts.holderKey.size);
      const { states } = layouts.holder.decode(values, i * layouts.holder.size);
      const name = kind === layouts.HolderKind.HOST ? 'host' : 'source';
      const sum = states[0]! + states[1]!;
      if (sum !== 0) counts[`${name} ${ipv6Text(Buffer.from(address.byte))}`] = sum;
    }
  }
  return counts;
}

/** One pass over the live states; returns how many it counted by the installed policy, or cut. */
export function pass(wall: TestWall, kind: 'count' | 'cut'): number {
  const number = kind === 'count' ? layouts.Pass.COUNT : layouts.Pass.CUT;
  const order = layouts.statePass.decode(Buffer.alloc(layouts.statePass.size));
  const { slot } = layouts.cell.decode(wall.map('cell').lookup(Buffer.alloc(4))!);
  wall.map('state_passes').update(index(number), layouts.statePass.encode({ ...order, slot }));
  for (const table of ['pending', 'established'] as const) {
    visit(wall, kind === 'count' ? 'count_refused' : 'cut_refused', table);
  }
  return Number(layouts.statePass.decode(wall.map('state_passes').lookup(index(number))!).hit);
}

/** Every learned MAC, aged or not. */
export function learnedMacs(wall: TestWall): Required<LearnedMac>[] {
  const learned: Required<LearnedMac>[] = [];
  for (const { keys, values, count } of wall.map('fdb').entries()) {
    for (let i = 0; i < count; i++) {
      const key = layouts.fdbKey.decode(keys, i * layouts.fdbKey.size);
      const entry = layouts.fdbEntry.decode(values, i * layouts.fdbEntry.size);
      learned.push({
        mac: macText(key.mac),
        port: wall.ports[entry.port]!.name,
        vlan: key.tag.filter((tag) => tag !== 0),
      });
    }
  }
  return learned;
}

/** What the policy of now holds against whom. */
export function offences(wall: TestWall): ExpectedOffence[] {
  const found: ExpectedOffence[] = [];
  for (const { keys, values, count } of wall.map('offenders').entries()) {
    for (let i = 0; i < count; i++) {
      const { address, watch } = layouts.offenderKey.decode(keys, i * layouts.offenderKey.size);
      const at = i * layouts.offender.size;
      const { drops, told, generation } = layouts.offender.decode(values, at);
      if (generation !== wall.generation) continue;
      const source = ipv6Text(Buffer.from(address.byte));
      found.push({ source, number: watch, drops, told: told === 1 });
    }
  }
  return found;
}

/** Who has proven to be who they say, and since when somebody else speaks in their name, in jiffies. */
export function proofLines(wall: TestWall): string[] {
  const lines: string[] = [];
  for (const { keys, values, count } of wall.map('proofs').entries()) {
    for (let i = 0; i < count; i++) {
      const address = keys.subarray(i * 16, (i + 1) * 16);
      const { seen, spoilt } = layouts.proof.decode(values, i * layouts.proof.size);
      lines.push(proofLine(ipv6Text(address), Number(seen), spoilt === 0n ? null : Number(spoilt)));
    }
  }
  return lines.sort();
}

export function proofLine(source: string, seen: number, spoilt: number | null): string {
  return `${source} proven ${seen}, spoilt ${spoilt ?? 'never'}`;
}

/** One line per offence, sorted. */
export function offenceLines(all: readonly ExpectedOffence[]): string[] {
  return all
    .map(
      ({ source, number, drops, told }) => `${source} ${number}: ${drops}${told ? ', told' : ''}`,
    )
    .sort();
}

/** One line per state, sorted: for whole comparisons. */
export function stateLines(states: readonly SeenState[]): string[] {
  return states.map(({ seen: _, ...state }) => JSON.stringify(state)).sort();
}

/** One line per MAC, sorted. */
export function macLines(macs: readonly LearnedMac[]): string[] {
  return macs.map(({ mac, port, vlan }) => `${mac} ${port} ${(vlan ?? []).join('.')}`).sort();
}
