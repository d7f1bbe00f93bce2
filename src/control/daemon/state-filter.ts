/** Which states `states` shows, and `states kill` ends. */
import { Phase } from '../../generated/layouts.js';
import { phaseName, protocolName, type StateSelection } from '../dataplane/index.js';
import {
  formatAddress,
  type PlanHost,
  type Prefix,
  prefixHolds,
  readAddress,
  readPrefix,
} from '../policy/index.js';
import { ServiceError, type StateEntry, type StateFilter } from '../service.js';
import { protocolNumber } from './query.js';

/** Of a state that lives. */
const PHASES = Object.values(Phase).filter(
  (phase) => phase !== Phase.NONE && phase !== Phase.DYING && phase !== Phase.COUNT,
);
const MOST_VLAN = 4094;

/**
 * A test of states; every field that is set must match, `address`, `port` and `host` at either end.
 * @throws ServiceError `invalid`, `not-found`
 */
export function stateMatcher(
  filter: StateFilter,
  hosts: readonly PlanHost[],
): (state: StateEntry) => boolean {
  const tests: ((state: StateEntry) => boolean)[] = [];
  const { proto, phase, port, vlan, prefix, addresses } = stateSelection(filter, hosts);
  if (proto !== undefined) {
    const name = protocolName(proto);
    tests.push((state) => state.proto === name);
  }
  if (phase !== undefined) {
    const name = phaseName(phase);
    tests.push((state) => state.phase === name);
  }
  if (port !== undefined) tests.push((state) => state.sport === port || state.dport === port);
  if (vlan !== undefined) tests.push((state) => state.vlan.includes(vlan));
  if (prefix !== undefined) {
    const holds = within(prefix);
    tests.push((state) => holds(state.src) || holds(state.dst));
  }
  if (addresses !== undefined) {
    const own = new Set(addresses.map(formatAddress));
    tests.push((state) => own.has(state.src) || own.has(state.dst));
  }
  return (state) => tests.every((test) => test(state));
}

/** The same filter for the kernel. @throws ServiceError `invalid`, `not-found` */
export function stateSelection(
  { proto, phase, port, vlan, address, host }: StateFilter,
  hosts: readonly PlanHost[],
): StateSelection {
  return {
    ...(proto === undefined ? {} : { proto: protocolNumber(proto) }),
    ...(phase === undefined ? {} : { phase: phaseNumber(phase) }),
    ...(port === undefined ? {} : { port: numberUpTo('port', port, 65535) }),
    ...(vlan === undefined ? {} : { vlan: numberUpTo('vlan', vlan, MOST_VLAN) }),
    ...(address === undefined ? {} : { prefix: prefixOf(address) }),
    ...(host === undefined ? {} : { addresses: addressesOf(host, hosts) }),
  };
}

/** A filter as it is typed. */
export function filterText(filter: StateFilter): string {
  return Object.entries(filter)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function within(prefix: Prefix): (text: string) => boolean {
  if (prefix.length === 128) {
    const only = formatAddress(prefix.address);
    return (text) => text === only;
  }
  return (text) => {
    const address = readAddress(text);
    return address instanceof Uint8Array && prefixHolds(prefix, address);
  };
}

function phaseNumber(name: string): number {
  const phase = PHASES.find((each) => phaseName(each) === name);
  if (phase !== undefined) return phase;
  const known = PHASES.map(phaseName).join(', ');
  throw new ServiceError('invalid', `${name} is no phase of a connection; phases are ${known}`);
}

function numberUpTo(what: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new ServiceError('invalid', `${what} ${value} is not between 0 and ${most}`);
}

function prefixOf(text: string): Prefix {
  const prefix = readPrefix(text);
  if ('problem' in prefix) {
    throw new ServiceError('invalid', `${prefix.problem}; ${prefix.hint}`);
  }
  return prefix;
}

function addressesOf(name: string, hosts: readonly PlanHost[]): Uint8Array[] {
  const found = hosts.find((each) => each.name === name);
  if (found === undefined) throw new ServiceError('not-found', `there is no host ${name}`);
  return found.addresses.map((text) => readAddress(text) as Uint8Array);
}
