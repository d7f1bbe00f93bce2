/** Random policies over a small world, in which everything overlaps, and packets of that world. */

import { formatAddress, readAddress } from '../../../../src/control/policy/address.js';
import { serviceCode } from '../../../../src/control/policy/codes.js';
import type { Opening } from '../../../../src/control/policy/opening.js';
import { fc } from '../../../chance.js';

export const V4_ADDRESSES = [
  '10.0.0.0',
  '10.0.0.1',
  '10.0.0.2',
  '10.0.0.3',
  '10.0.1.1',
  '172.16.0.1',
];
export const V6_ADDRESSES = [
  '2001:db8::',
  '2001:db8::1',
  '2001:db8::2',
  '2001:db8:1::1',
  'fd00::1',
];
const PREFIXES = [
  ...['10.0.0.0/8', '10.0.0.0/24', '10.0.0.0/31', '10.0.0.2/31', '10.0.0.1', '0.0.0.0/0'],
  ...['"2001:db8::/32"', '"2001:db8::/64"', '"2001:db8::2/127"', '"2001:db8::1"', '"::/0"'],
  ...['172.16.0.0/12', '10.0.1.0/24'],
];
const SERVICES = [
  ...['1/tcp', '1-3/tcp', '2-5/tcp', '4/tcp', '1/udp', '1-9/udp', '3/sctp', 'icmp/8', 'icmp6/128'],
  ...[
    'proto/6',
    'proto/1',
    'proto/58',
    'proto/47',
    'proto/17',
    'all',
    'ping',
    'one',
    'two',
    'three',
  ],
];
const GROUPS = ['g0', 'g1', 'g2', 'g3'];
const HOSTS = ['h0', 'h1', 'h2'];
/** Names of the dynamic groups; the last may hold screened hosts. */
export const DYNAMIC = ['d0', 'd1', 'd2'];
const SCREENABLE = 'd2';
/** What the DNS name in the policies resolves to. */
export const NAMES = new Map([['x.example', ['10.0.1.1', '2001:db8:1::1']]]);

const peerOf = (groups: string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...PREFIXES) },
    ...(groups.length > 0 ? [{ weight: 5, arbitrary: fc.constantFrom(...groups) }] : []),
    { weight: 2, arbitrary: fc.constantFrom(...HOSTS) },
    { weight: 1, arbitrary: fc.constantFrom('any', '{name: x.example}') },
  );

const peersOf = (groups: string[]): fc.Arbitrary<string> => {
  const list = fc.array(peerOf(groups), { minLength: 1, maxLength: 3 });
  const flat = list.map((items) => `[${items.join(', ')}]`);
  return fc.oneof(
    peerOf(groups),
    flat,
    flat.map((items) => `{not: ${items}}`),
    fc.tuple(peerOf(groups), flat).map(([one, items]) => `[${one}, {not: ${items}}]`),
  );
};

const staticPeers = peersOf(GROUPS);
const dynamic = fc.constantFrom(...DYNAMIC);
/** Where a line names them, dynamic groups may stand as well, by themselves or in a list. */
const peers = fc.oneof(
  { weight: 3, arbitrary: staticPeers },
  { weight: 1, arbitrary: dynamic },
  {
    weight: 1,
    arbitrary: fc
      .tuple(dynamic, fc.array(fc.oneof(peerOf(GROUPS), dynamic), { minLength: 1, maxLength: 2 }))
      .map(([one, more]) => `[${[one, ...more].join(', ')}]`),
  },
);
const service = fc.constantFrom(...SERVICES);
const services = fc
  .array(service, { minLength: 1, maxLength: 2 })
  .map((list) => `[${list.join(', ')}]`);
const log = fc.boolean();
const rate = fc.constantFrom('', '', '1/s', '20/m', '1000000/h');

/** A group may hold those after it, so that there are no cycles. */
const groups = fc
  .tuple(...GROUPS.map((_, i) => peersOf(GROUPS.slice(i + 1))))
  .map((all) => all.map((text, i) => `  ${GROUPS[i]}: ${text}\n`).join(''));

const option = fc.record({ peers, log, rate, id: fc.boolean() });

function hostLines(direction: 'in' | 'out'): fc.Arbitrary<(id: () => string) => string> {
  const key = direction === 'in' ? 'from' : 'to';
  const value = fc.array(option, { minLength: 1, maxLength: 2 });
  return fc
    .uniqueArray(fc.tuple(service, value), { maxLength: 4, selector: ([name]) => name })
    .map((lines) => (id) => {
      const text = lines.map(([name, options]) => {
        const parts = options.map((o) => {
          const own = o.rate === '' ? '' : `, rate: ${o.rate}`;
          const extra = `log: ${o.log}${own}${o.id ? `, id: ${id()}` : ''}`;
          return `{${key}: ${o.peers}, ${extra}}`;
        });
        return `      ${name}: [${parts.join(', ')}]\n`;
      });
      return text.length === 0 ? '' : `    ${direction}:\n${text.join('')}`;
    });
}

const pair = fc
  .record({ from: peers, to: peers, services, log, rate })
  .map(({ rate, ...line }) => (rate === '' ? line : { ...line, rate }));
const screenedPair = fc
  .tuple(pair, fc.constantFrom(...HOSTS), fc.boolean())
  .map(([line, host, out]) => (out ? { ...line, from: host } : { ...line, to: host }));

const denyLine = fc
  .record({
    from: fc.option(peers),
    to: fc.option(peers),
    services: fc.option(services),
    log,
  })
  .filter((line) => line.from !== null || line.to !== null || line.services !== null);

function section(name: string, lines: Record<string, unknown>[]): string {
  const text = lines.map((line) => {
    const fields = Object.entries(line).filter(([, value]) => value !== null);
    return `  - {${fields.map(([key, value]) => `${key}: ${value}`).join(', ')}}\n`;
  });
  return lines.length === 0 ? '' : `${name}:\n${text.join('')}`;
}

const limit = fc.constantFrom('none', '{states: 5}', '{rate: 5/s}', '{states: none, rate: 7/m}');

const binding = fc.record({
  vlan: fc.constantFrom('', '', 'none', '10', '[10, 20]'),
  port: fc.constantFrom('', '', 'dn0'),
  mac: fc.constantFrom('', '', '02:00:00:00:00:01'),
});

function bindingLines(keys: Record<string, string> = {}): string {
  const lines = Object.entries(keys).filter(([, value]) => value !== '');
  return lines.map(([key, value]) => `    ${key}: ${value}\n`).join('');
}

/** Text of a policy. */
export const policyText: fc.Arbitrary<string> = fc
  .record({
    groups,
    hosts: fc.tuple(...HOSTS.map(() => fc.tuple(hostLines('in'), hostLines('out')))),
    matrix: fc.array(screenedPair, { maxLength: 3 }),
    transit: fc.array(pair, { maxLength: 3 }),
    deny: fc.array(denyLine, { maxLength: 3 }),
    matrixFirst: fc.boolean(),
    bindings: fc.option(fc.tuple(...HOSTS.map(() => binding))),
    limits: fc.record({ perSource: limit, perHost: limit, own: fc.option(limit) }),
  })
  .map((parts) => {
    let ids = 0;
    const id = (): string => `id-${ids++}`;
    const addresses = ['[10.0.0.1, "2001:db8::1"]', '[10.0.0.2]', '["2001:db8::2", 10.0.1.1]'];
    const bound = parts.bindings;
    // In VLANs of their own, two hosts may have the same addresses.
    const shared = bound?.[0]?.vlan && bound[1]!.vlan && bound[0]!.vlan !== bound[1]!.vlan;
    if (shared) addresses[1] = addresses[0]!;
    const hosts = HOSTS.map((name, i) => {
      const [into, out] = parts.hosts[i]!;
      const { own } = parts.limits;
      const limits = i === 0 && own !== null ? `    limits: ${own}\n` : '';
      return `  ${name}:\n    addresses: ${addresses[i]}\n${limits}${bindingLines(bound?.[i])}${into(id)}${out(id)}`;
    });
    const hostSection = `hosts:\n${hosts.join('')}`;
    const matrix = section('matrix', parts.matrix);
    return [
      'apiVersion: bridgewall/v1\n',
      'services: {one: [1/tcp, 4/tcp, 1/udp], two: [1-9/tcp, ping], three: [one, all]}\n',
      `groups:\n${parts.groups}${DYNAMIC.map(dynamicGroup).join('')}`,
      ...(parts.matrixFirst ? [matrix, hostSection] : [hostSection, matrix]),
      section('transit', parts.transit),
      section('deny', parts.deny),
      `defaults: {limits: {perSource: ${parts.limits.perSource}, perHost: ${parts.limits.perHost}}}\n`,
    ].join('');
  });

function dynamicGroup(name: string): string {
  return `  ${name}: {dynamic: true${name === SCREENABLE ? ', allowScreened: true' : ''}}\n`;
}

/** The 16 bytes of an address that is known to be one. */
export function addressBytes(text: string): Uint8Array {
  const address = readAddress(text);
  if (!(address instanceof Uint8Array)) throw new Error(address.problem);
  return address;
}

const code = (family: 4 | 6): fc.Arbitrary<number | null> =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom(6, 17, 132), fc.integer({ min: 0, max: 10 }))
      .map(([protocol, port]) => serviceCode(family, protocol, port)),
    fc.constantFrom(
      serviceCode(4, 1, 8),
      serviceCode(4, 1, 0),
      serviceCode(6, 58, 128),
      serviceCode(6, 1, 0),
      serviceCode(4, 58, 0),
      serviceCode(family, 47, 0),
      serviceCode(family, 50, 0),
    ),
    fc.constant(null),
  );

/** A packet of one family that asks for a connection. */
export const opening: fc.Arbitrary<Opening> = fc
  .constantFrom(4 as const, 6 as const)
  .chain((family) => {
    const address = fc
      .constantFrom(...(family === 4 ? V4_ADDRESSES : V6_ADDRESSES))
      .map(addressBytes);
    return fc.record({
      source: address,
      destination: address,
      code: code(family),
      fromUplink: fc.boolean(),
      tags: fc.constantFrom(
        [0, 0],
        [0, 0],
        [10, 0],
        [10, 20],
        [0x800a, 20],
        [0x800a, 0],
      ) as fc.Arbitrary<[number, number]>,
    });
  });

/** Which addresses are in which dynamic group: `d0 10.0.0.1`. */
export const memberships: fc.Arbitrary<Set<string>> = fc
  .subarray(
    DYNAMIC.flatMap((group) => [...V4_ADDRESSES, ...V6_ADDRESSES].map((a) => `${group} ${a}`)),
  )
  .map((list) => new Set(list));

/** Members of dynamic groups by such a set. */
export function membersOf(set: ReadonlySet<string>) {
  return (group: string, address: Uint8Array): boolean =>
    set.has(`${group} ${formatAddress(address)}`);
}
