/** Random policies as text, small and overlapping. */
import {
  DYNAMIC_GROUPS,
  GROUPS,
  HOSTS,
  MACS,
  PREFIXES,
  PROTOCOLS,
  SCREENABLE,
  SERVICE_PORTS,
} from './places.js';
import type { Random } from './random.js';

/** Times in which connections are picked up. */
const PICKUPS = ['0s', '0s', '10s', '60s', '1h'] as const;

/** What a line may name as peers in one policy. */
interface Names {
  readonly hosts: readonly string[];
  readonly groups: readonly string[];
  readonly dynamic: readonly string[];
}

/** The text of a random policy; now and then one that the parser refuses. */
export function randomPolicy(random: Random): string {
  const hosts = random.some(HOSTS, 0, 4);
  const groups = random.some(GROUPS, 0, 4);
  const dynamic = random.some(DYNAMIC_GROUPS, 0, 2);
  const names: Names = { hosts, groups, dynamic };
  const lines = [
    'apiVersion: bridgewall/v1',
    ...groupLines(random, names),
    ...hostLines(random, names),
    ...pairLines(random, names, 'matrix', 0, hosts.length > 0 ? 3 : 0),
    ...pairLines(random, names, 'transit', 0, 3),
    ...denyLines(random, names),
    `defaults: {log: {drops: none}, pickup: ${random.pick(PICKUPS)}${defaultLimits(random)}${onDrops(random, names)}}`,
  ];
  return `${lines.join('\n')}\n`;
}

function groupLines(random: Random, { groups, dynamic, hosts }: Names): string[] {
  if (groups.length + dynamic.length === 0) return [];
  const lines = groups.map((name, at) => {
    const others = [...groups.slice(0, at), ...hosts];
    const items = [
      ...random.some(PREFIXES, 0, 3),
      ...(others.length > 0 ? random.some(others, 0, 2) : []),
    ];
    const list = `[${items.join(', ')}]`;
    return `  ${name}: ${items.length > 0 && random.oneIn(4) ? `{not: ${list}}` : list}`;
  });
  return ['groups:', ...lines, ...dynamic.map(dynamicGroup)];
}

/** One of them may hold screened hosts. */
function dynamicGroup(name: string): string {
  const screened = name === DYNAMIC_GROUPS[1] ? ', allowScreened: true' : '';
  return `  ${name}: {dynamic: true, max: 100${screened}}`;
}

function hostLines(random: Random, names: Names): string[] {
  if (names.hosts.length === 0) return [];
  const bound = random.oneIn(2);
  const lines = names.hosts.flatMap((name) => {
    const shared = bound && random.oneIn(3);
    const own = SCREENABLE[shared ? 0 : HOSTS.indexOf(name as (typeof HOSTS)[number])]!;
    const addresses = random.weighted<readonly string[]>([
      [3, own],
      [1, [own[0]]],
      [1, [own[1]]],
    ]);
    return [
      `  ${name}:`,
      `    addresses: [${addresses.map((address) => `"${address}"`).join(', ')}]`,
      ...(bound ? bindingLines(random) : []),
      ...(random.oneIn(8) ? [`    limits: ${limit(random)}`] : []),
      ...sideLines(random, names, 'in'),
      ...sideLines(random, names, 'out'),
    ];
  });
  return ['hosts:', ...lines];
}

/** Where a host may speak from; an address of several hosts only goes with a VLAN of each. */
function bindingLines(random: Random): string[] {
  const vlan = random.weighted([
    [3, ''],
    [3, '10'],
    [2, 'none'],
    [1, '20'],
    [1, random.pick(['[10, 20]', '[10, 10]', '[30, 10]', '[20, 10]'])],
  ]);
  const port = random.weighted([
    [8, ''],
    [2, 'dn0'],
    [2, 'dn1'],
    [1, random.pick(['up0', 'dn9'])],
  ]);
  const mac = random.weighted([
    [6, ''],
    [2, random.pick(MACS.slice(3))],
    [1, random.pick(MACS)],
  ]);
  return Object.entries({ vlan, port, mac }).flatMap(([key, value]) =>
    value === '' ? [] : [`    ${key}: ${value}`],
  );
}

function sideLines(random: Random, names: Names, side: 'in' | 'out'): string[] {
  const services = new Set(Array.from({ length: random.between(1, 7) }, () => service(random)));
  if (services.size === 0) return [];
  const word = side === 'in' ? 'from' : 'to';
  const lines = [...services].map((name) => {
    const entries = Array.from(
      {
        length: random.weighted([
          [4, 1],
          [1, 2],
        ]),
      },
      () => {
        return `{${word}: ${peers(random, names)}${options(random)}${detour(random, [name])}}`;
      },
    );
    return `      ${name}: ${entries.length > 1 ? `[${entries.join(', ')}]` : entries[0]}`;
  });
  return [`    ${side}:`, ...lines];
}

function pairLines(
  random: Random,
  names: Names,
  key: 'matrix' | 'transit',
  least: number,
  most: number,
): string[] {
  const count = random.between(least, most);
  if (count === 0) return [];
  const lines = Array.from({ length: count }, () => {
    const from =
      key === 'matrix' && !random.oneIn(4) ? random.pick(names.hosts) : peers(random, names);
    const to = peers(random, names);
    const list = services(random);
    const asked = `${options(random)}${detour(random, list.slice(1, -1).split(', '))}`;
    return `  - {from: ${from}, to: ${to}, services: ${list}${asked}}`;
  });
  return [`${key}:`, ...lines];
}

/** Now and then a line whose connections go through netfilter. */
function detour(random: Random, services: readonly string[]): string {
  const inspect = random.weighted([
    [12, ''],
    [1, ', inspect: true'],
    [1, ', inspect: fail-open'],
  ]);
  if (!random.oneIn(3)) return inspect;
  const all = (end: string) => services.every((service) => service.endsWith(end));
  if (all('/tcp')) return `${inspect}, helper: ${random.pick(['ftp', 'irc'])}`;
  return all('/udp') ? `${inspect}, helper: ${random.pick(['tftp', 'sip'])}` : inspect;
}

function denyLines(random: Random, names: Names): string[] {
  const count = random.weighted([
    [3, 0],
    [2, 1],
    [2, 2],
    [1, 4],
  ]);
  if (count === 0) return [];
  const lines = Array.from({ length: count }, () => {
    const anyone = () =>
      names.dynamic.length > 0 && random.oneIn(2)
        ? random.pick(names.dynamic)
        : peers(random, names);
    const fields = random.weighted<() => string[]>([
      [2, () => [`from: ${anyone()}`, `services: ${services(random)}`]],
      [1, () => [`from: ${anyone()}`, `to: ${anyone()}`]],
      [1, () => [`to: ${anyone()}`, `services: ${services(random)}`]],
      [1, () => [`services: [${random.pick(SERVICE_PORTS)}/tcp, ${service(random)}]`]],
      [names.dynamic.length, () => [`from: ${random.pick(names.dynamic)}`]],
      [names.dynamic.length, () => [`to: ${random.pick(names.dynamic)}`]],
    ])();
    if (random.oneIn(5)) fields.push('log: true');
    if (names.dynamic.length > 0 && random.oneIn(4)) {
      fields.push(`onDrop: ${onDrop(random, names)}`);
    }
    return `  - {${fields.join(', ')}}`;
  });
  return ['deny:', ...lines];
}

/** Small thresholds: an episode is short. */
function onDrops(random: Random, names: Names): string {
  if (names.dynamic.length === 0 || random.oneIn(3)) return '';
  const all = Array.from({ length: random.between(1, 3) }, () => {
    const side = random.pick(['', '', ', side: uplink', ', side: inside']);
    const reasons = random.oneIn(3)
      ? `, reasons: [${random.some(['no-state', 'bad-phase', 'out-of-window', 'fragment', 'no-in', 'denied'], 1, 4).join(', ')}]`
      : '';
    return `${onDrop(random, names).slice(0, -1)}${side}${reasons}}`;
  });
  return `, onDrop: [${all.join(', ')}]`;
}

function onDrop(random: Random, names: Names): string {
  const after = `${random.between(1, 4)}/${random.pick([1, 10, 30])}s`;
  const except = random.oneIn(2) ? `, except: ${peers(random, names)}` : '';
  const spoofable = random.oneIn(2) ? ', spoofable: true' : '';
  return `{deny: ${random.pick(names.dynamic)}, after: ${after}, ttl: 1m${except}${spoofable}}`;
}

function peers(random: Random, { hosts, groups, dynamic }: Names): string {
  const named = [...hosts, ...groups];
  return random.weighted<() => string>([
    [3, () => 'any'],
    [dynamic.length, () => random.pick(dynamic)],
    [
      dynamic.length,
      () => `[${[...random.some([...named, ...dynamic], 0, 2), random.pick(dynamic)].join(', ')}]`,
    ],
    [named.length > 0 ? 5 : 0, () => random.pick(named)],
    [2, () => random.pick(PREFIXES)],
    [1, () => `[${[...random.some(named, 0, 2), random.pick(PREFIXES)].join(', ')}]`],
  ])();
}

/** Small enough that some connections are too many. */
function limit(random: Random): string {
  const states = () => `states: ${random.pick([1, 1, 2, 'none'])}`;
  const rate = () => `rate: ${random.pick(['2/s', '5/m', '9/h', 'none'])}`;
  return random.pick(['none', `{${states()}}`, `{${rate()}}`, `{${states()}, ${rate()}}`]);
}

function defaultLimits(random: Random): string {
  if (!random.oneIn(2)) return '';
  const keys = random.some(['perSource', 'perHost'], 1, 2);
  return `, limits: {${keys.map((key) => `${key}: ${limit(random)}`).join(', ')}}`;
}

/** Rates small enough that some connections are over them. */
function options(random: Random): string {
  const log = random.oneIn(6) ? ', log: true' : '';
  const rate = random.oneIn(6)
    ? `, rate: ${random.pick(['1/s', '2/s', '3/m', '7/m', '1/h', '5/h', '1000000/s'])}`
    : '';
  return `${log}${rate}`;
}

function services(random: Random): string {
  return `[${random.some([service(random), service(random), service(random)], 1, 3).join(', ')}]`;
}

function service(random: Random): string {
  const port = () => random.pick(SERVICE_PORTS);
  return random.weighted<() => string>([
    [6, () => `${port()}/tcp`],
    [3, () => `${port()}/udp`],
    [1, () => `${port()}/sctp`],
    [2, () => `8000-${random.pick([8001, 8002, 8999, 65535])}/tcp`],
    [1, () => `1-${random.pick([1023, 8001])}/${random.pick(['tcp', 'udp'])}`],
    [2, () => 'ping'],
    [1, () => `icmp/${random.pick([8, 13])}`],
    [1, () => 'icmp6/128'],
    [2, () => `proto/${random.pick(PROTOCOLS)}`],
    [2, () => 'all'],
  ])();
}
