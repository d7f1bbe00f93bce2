/** What `explain` was asked, as a frame and the port it enters by. */
import { type FrameSpec, Protocol } from '../dataplane/frame.js';
import {
  familyOf,
  formatAddress,
  type PlanHost,
  readAddress,
  type Vlan,
  vlansMeet,
} from '../policy/index.js';
import { type ExplainQuery, ServiceError } from '../service.js';

const PROTOCOLS = new Map<string, number>([
  ['tcp', Protocol.TCP],
  ['udp', Protocol.UDP],
  ['sctp', Protocol.SCTP],
  ['icmp', Protocol.ICMP],
  ['icmp6', Protocol.ICMP6],
]);

const MOST_VLAN = 4094;

interface QueryPort {
  readonly name: string;
  readonly side: 'uplink' | 'inside';
}

/** Addresses that one end may mean, in order of preference. */
function addressesOf(text: string, hosts: readonly PlanHost[]): Uint8Array[] {
  const host = hosts.find((each) => each.name === text);
  const texts = host?.addresses ?? [text];
  return texts.map((each) => {
    const address = readAddress(each);
    if (address instanceof Uint8Array) return address;
    throw new ServiceError('invalid', `${text} is neither a host of the policy nor an address`);
  });
}

/** The number of a protocol by its name or number. @throws ServiceError `invalid` */
export function protocolNumber(text: string): number {
  const known = PROTOCOLS.get(text);
  if (known !== undefined) return known;
  if (/^\d{1,3}$/.test(text) && Number(text) <= 255) return Number(text);
  throw new ServiceError(
    'invalid',
    `${text} is not a protocol: tcp, udp, sctp, icmp, icmp6, 0-255`,
  );
}

/** The two ends, of one family; the protocol may decide which. */
function chooseEnds(
  protocol: number,
  sources: readonly Uint8Array[],
  destinations: readonly Uint8Array[],
): [Uint8Array, Uint8Array] | undefined {
  const families: (4 | 6)[] =
    protocol === Protocol.ICMP ? [4] : protocol === Protocol.ICMP6 ? [6] : [4, 6];
  for (const family of families) {
    const source = sources.find((address) => familyOf(address) === family);
    const destination = destinations.find((address) => familyOf(address) === family);
    if (source && destination) return [source, destination];
  }
  return undefined;
}

function checkNumber(what: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new ServiceError('invalid', `${what} ${value} is not between 0 and ${most}`);
}

/**
 * Reads a query against the hosts of the installed policy.
 * @throws ServiceError `invalid`
 */
export function frameOf(query: ExplainQuery, hosts: readonly PlanHost[]): FrameSpec {
  const protocol = protocolNumber(query.protocol);
  const ends = chooseEnds(
    protocol,
    addressesOf(query.source, hosts),
    addressesOf(query.destination, hosts),
  );
  if (ends === undefined) {
    throw new ServiceError(
      'invalid',
      `${query.source} and ${query.destination} have no addresses of one family for ${query.protocol}`,
    );
  }
  return {
    protocol,
    source: ends[0],
    destination: ends[1],
    sourcePort: checkNumber('port', query.sourcePort, 65535),
    destinationPort: checkNumber('port', query.destinationPort, 65535),
    icmpType: checkNumber('icmp type', query.icmpType, 255),
    ...placeOf(query, ends, hosts),
  };
}

/** VLANs of the frame, and the MAC of its source where that has one. */
function placeOf(
  query: ExplainQuery,
  [source, destination]: readonly [Uint8Array, Uint8Array],
  hosts: readonly PlanHost[],
): Pick<FrameSpec, 'vlan' | 'sourceMac'> {
  const known =
    vlanAt(query.source, source, hosts) ?? vlanAt(query.destination, destination, hosts);
  const vlan = query.vlan.length > 0 ? askedVlan(query.vlan) : (known ?? [0, 0]);
  const binding = hostIn(vlan, source, hosts)?.binding;
  return { vlan, sourceMac: binding?.mac ?? null };
}

/** Where an end is, by its name, or by its address if that is bound. */
function vlanAt(text: string, address: Uint8Array, hosts: readonly PlanHost[]): Vlan | null {
  const named = hosts.find(({ name }) => name === text);
  if (named !== undefined) return named.binding.vlan;
  const spelled = formatAddress(address);
  const found = hosts.find(({ addresses, binding }) => binding.vlan && addresses.includes(spelled));
  return found?.binding.vlan ?? null;
}

function hostIn(vlan: Vlan, address: Uint8Array, hosts: readonly PlanHost[]): PlanHost | undefined {
  const text = formatAddress(address);
  return hosts.find(
    ({ addresses, binding }) => addresses.includes(text) && vlansMeet(binding.vlan, vlan),
  );
}

function askedVlan(asked: readonly number[]): Vlan {
  if (asked.length === 1 && asked[0] === 0) return [0, 0];
  if (asked.length > 2) {
    throw new ServiceError('invalid', `${asked.length} VLANs: a frame has two tags at most`);
  }
  const [outer = 0, inner = 0] = asked.map((vid) => {
    if (vid >= 1 && vid <= MOST_VLAN) return vid;
    throw new ServiceError('invalid', `vlan ${vid} is not between 1 and ${MOST_VLAN}`);
  });
  return [outer, inner];
}

/** The port that the source of a frame is bound to; '' when it is to none. */
export function boundPort({ source, vlan }: FrameSpec, hosts: readonly PlanHost[]): string {
  return hostIn(vlan, source, hosts)?.binding.port ?? '';
}

/**
 * The port that the frame enters by: the one that was asked for, else the one that its source is bound
 * to, if the node has that, else the first of the side where its source belongs.
 * @throws ServiceError `not-found`
 */
export function portOf<P extends QueryPort>(
  asked: string,
  ports: readonly P[],
  sourceIsScreened: boolean,
  bound = '',
): P {
  if (asked !== '') {
    const named = ports.find((port) => port.name === asked);
    if (named !== undefined) return named;
    const names = ports.map((port) => port.name).join(', ');
    throw new ServiceError('not-found', `there is no port ${asked}; ports are ${names}`);
  }
  const own = ports.find((port) => port.name === bound);
  if (own !== undefined) return own;
  const side = sourceIsScreened ? 'inside' : 'uplink';
  return ports.find((port) => port.side === side) ?? ports[0]!;
}
