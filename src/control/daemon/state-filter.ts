/** Which states `states` shows, and `states kill` ends. */
import { Phase } from '../../generated/layouts.js';
import { phaseName, type StateSelection } from '../dataplane/index.js';
import { type PlanHost, type Prefix, readAddress, readPrefix } from '../policy/index.js';
import { ServiceError, type StateFilter } from '../service.js';
import { protocolNumber } from './query.js';

/** Of a state that lives. */
const PHASES = Object.values(Phase).filter(
  (phase) => phase !== Phase.NONE && phase !== Phase.DYING && phase !== Phase.COUNT,
);
const MOST_VLAN = 4094;
/** A hundred years: what is longer was not meant. */
const MOST_SECONDS = 100 * 365.25 * 86_400;

/** What names in a filter are looked up in. */
export interface FilterNames {
  readonly hosts: readonly PlanHost[];
  /** Slot of the rule with that id. */
  slotOf(id: string): number | undefined;
}

/** A filter for the kernel. @throws ServiceError `invalid`, `not-found` */
export function stateSelection(filter: StateFilter, names: FilterNames): StateSelection {
  const { proto, phase, vlan, family, direction, rule, older, younger, idle, expires } = filter;
  const [either, source, destination] = [eitherOf, sourceOf, destinationOf].map((of) =>
    withoutNothing(of(filter, names.hosts)),
  );
  return withoutNothing({
    proto: read(proto, protocolNumber),
    phase: read(phase, phaseNumber),
    vlan: read(vlan, (value) => numberFrom('vlan', value, 1, MOST_VLAN)),
    family: read(family, familyNumber),
    half: read(direction, halfOf),
    rule: read(rule, (id) => slotOf(id, names)),
    older: read(older, (value) => seconds('older', value)),
    younger: read(younger, (value) => seconds('younger', value)),
    idle: read(idle, (value) => seconds('idle', value)),
    expires: read(expires, (value) => seconds('expires', value)),
    either,
    source,
    destination,
  });
}

function eitherOf({ port, address, host }: StateFilter, hosts: readonly PlanHost[]) {
  return {
    port: read(port, (value) => numberFrom('port', value, 0, 65535)),
    prefix: read(address, prefixOf),
    addresses: read(host, (name) => addressesOf(name, hosts)),
  };
}

function sourceOf({ sport, src }: StateFilter, hosts: readonly PlanHost[]) {
  return endOf('sport', sport, src, hosts);
}

function destinationOf({ dport, dst }: StateFilter, hosts: readonly PlanHost[]) {
  return endOf('dport', dport, dst, hosts);
}

/** An end that is an address, a prefix or a host. */
function endOf(
  what: string,
  port: number | undefined,
  text: string | undefined,
  hosts: readonly PlanHost[],
) {
  const host = hosts.find((each) => each.name === text);
  return {
    port: read(port, (value) => numberFrom(what, value, 0, 65535)),
    prefix: host === undefined ? read(text, prefixOf) : undefined,
    addresses: host && addressesOf(host.name, hosts),
  };
}

/** A filter as it is typed. */
export function filterText(filter: StateFilter): string {
  return Object.entries(filter)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function read<T, R>(value: T | undefined, by: (value: T) => R): R | undefined {
  return value === undefined ? undefined : by(value);
}

type Set<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only the fields that are set; undefined: none is, of a part of a filter. */
function withoutNothing<T extends object>(fields: T): Set<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && !isEmpty(value)),
  ) as Set<T>;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function phaseNumber(name: string): number {
  const phase = PHASES.find((each) => phaseName(each) === name);
  if (phase !== undefined) return phase;
  const known = PHASES.map(phaseName).join(', ');
  throw new ServiceError('invalid', `${name} is no phase of a connection; phases are ${known}`);
}

function numberFrom(what: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ServiceError('invalid', `${what} ${value} is not between ${least} and ${most}`);
}

function seconds(what: string, value: number): number {
  if (value >= 0 && value <= MOST_SECONDS) return value;
  const why = `${what} ${value}: seconds, from 0 to ${MOST_SECONDS}`;
  throw new ServiceError('invalid', why);
}

function familyNumber(value: number): 4 | 6 {
  if (value === 4 || value === 6) return value;
  throw new ServiceError('invalid', `family ${value}: 4 or 6`);
}

function halfOf(text: string): 'in' | 'out' | 'transit' {
  if (text === 'in' || text === 'out' || text === 'transit') return text;
  throw new ServiceError('invalid', `${text} is no direction: in, out, transit`);
}

function slotOf(id: string, names: FilterNames): number {
  const slot = names.slotOf(id);
  if (slot !== undefined) return slot;
  throw new ServiceError('not-found', `there is no rule ${id}; counters --rules tells their ids`);
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
