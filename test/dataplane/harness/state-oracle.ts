/** What listings of states should say, read from the raw dump of the tables and matched one by one. */
import { endsOf, phaseName, trafficOf } from '../../../src/control/dataplane/states.js';
import {
  type PlanHost,
  prefixHolds,
  readAddress,
  readPrefix,
} from '../../../src/control/policy/index.js';
import type { StateEntry, StateFilter } from '../../../src/control/service.js';
import type * as layouts from '../../../src/generated/layouts.js';
import { StateBits } from '../../../src/generated/layouts.js';
import { liveRecords } from './states.js';
import type { TestWall } from './wall.js';

/** Every live state, as people see it; established ones first. */
export function shownStates(wall: TestWall): StateEntry[] {
  const now = wall.dataplane.clock.now();
  return liveRecords(wall).map((record) => shown(wall, record, now));
}

function shown(wall: TestWall, record: layouts.StateRecord, now: bigint): StateEntry {
  const { key, state, timeout } = record;
  const transit = (state.word & StateBits.TRANSIT) !== 0;
  const counted = (state.word & StateBits.COUNTED) !== 0;
  const ruleId = (slot: number) => wall.ruleId(slot) || null;
  const since = (then: bigint) => Number(now - then) / wall.hz;
  const out = ruleId(state.ruleOut);
  return {
    ...endsOf(key, state.word),
    phase: phaseName(state.word & 0xff),
    pickedUp: (state.word & StateBits.PICKED_UP) !== 0,
    age: Math.floor(since(state.born)),
    idle: Math.floor(since(state.seen)),
    timeout: Math.ceil(Number(timeout) / wall.hz),
    rules: {
      out: transit ? null : out,
      in: ruleId(state.ruleIn),
      transit: transit ? out : null,
    },
    ...(counted ? trafficOf(record.sent, state.word) : { sent: null, received: null }),
  };
}

type Test = (state: StateEntry) => boolean;

/** Whether a state matches a filter. */
export function matcher(filter: StateFilter, hosts: readonly PlanHost[]): Test {
  const tests: { [K in keyof StateFilter]-?: (value: NonNullable<StateFilter[K]>) => Test } = {
    proto: (value) => (s) => s.proto === (value === '1' ? 'icmp' : value),
    family: (value) => (s) => s.src.includes(':') === (value === 6),
    phase: (value) => (s) => s.phase === value,
    vlan: (value) => (s) => s.vlan.includes(value),
    port: (value) => (s) => s.sport === value || s.dport === value,
    sport: (value) => (s) => s.sport === value,
    dport: (value) => (s) => s.dport === value,
    address: (value) => (s) => holds(value, s.src) || holds(value, s.dst),
    host: (value) => (s) => isHost(value, s.src, hosts) || isHost(value, s.dst, hosts),
    src: (value) => (s) => isHost(value, s.src, hosts) || holds(value, s.src),
    dst: (value) => (s) => isHost(value, s.dst, hosts) || holds(value, s.dst),
    direction: (value) => (s) => s.rules[value as 'in' | 'out' | 'transit'] !== null,
    rule: (value) => (s) => Object.values(s.rules).includes(value),
    older: (value) => (s) => s.age >= value,
    younger: (value) => (s) => s.age < value,
    idle: (value) => (s) => s.idle >= value,
    expires: (value) => (s) => s.timeout <= value,
  };
  const all = Object.entries(filter).map(([name, value]) =>
    (tests[name as keyof StateFilter] as (value: unknown) => Test)(value),
  );
  return (state) => all.every((test) => test(state));
}

function holds(text: string, address: string): boolean {
  const prefix = readPrefix(text);
  return !('problem' in prefix) && prefixHolds(prefix, readAddress(address) as Uint8Array);
}

function isHost(name: string, address: string, hosts: readonly PlanHost[]): boolean {
  return hosts.some((host) => host.name === name && host.addresses.includes(address));
}
