/**
 * The site of the demo: who there is, where they are plugged in, and what they serve. Written by hand
 * after the slide and aquilante's files; it knows nothing of the policy that the wall gets.
 */
import type { ServiceKind, ServiceSpec } from './agent/protocol.js';

/** A namespace with one cable to the wall. */
export interface Station {
  readonly name: string;
  /** Which side of the wall its cable goes to, and the name of the wall's port. */
  readonly side: 'uplink' | 'inside';
  readonly port: string;
  /** Services, as `25/tcp` names, that listen on every address of the station. */
  readonly serves: readonly ServiceName[];
}

/** A machine as the policy sees it: one address of each family, at a station. */
export interface Actor {
  readonly name: ActorName;
  /** As the pictures call it. */
  readonly title: string;
  readonly station: string;
  readonly v4: string;
  readonly v6: string;
}

/** Port and protocol with what is spoken there. */
const KINDS = {
  '22/tcp': 'ssh',
  '24/tcp': 'smtp',
  '25/tcp': 'smtp',
  '53/tcp': 'dns',
  '53/udp': 'dns',
  '80/tcp': 'http',
  '88/tcp': 'line',
  '88/udp': 'datagram',
  '123/udp': 'ntp',
  '143/tcp': 'imap',
  '389/tcp': 'ldap',
  '443/tcp': 'https',
  '445/tcp': 'line',
  '465/tcp': 'smtps',
  '514/udp': 'syslog',
  '587/tcp': 'smtp',
  '636/tcp': 'ldaps',
  '993/tcp': 'imaps',
  '1812/udp': 'radius',
  '3306/tcp': 'line',
  '5000/tcp': 'line',
  '9102/tcp': 'line',
  '9103/tcp': 'line',
  '12865/tcp': 'line',
} as const satisfies Record<string, ServiceKind>;

/** `25/tcp`; `ping` is an echo request of either family. */
export type ServiceName = keyof typeof KINDS;

/** The listener behind a service name. */
export function serviceSpec(name: ServiceName): ServiceSpec {
  const [port, transport] = name.split('/') as [string, 'tcp' | 'udp'];
  return { transport, port: Number(port), kind: KINDS[name] };
}

/** True for a name of the table above. */
export function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(KINDS, name);
}

export const STATIONS: readonly Station[] = [
  {
    name: 'extranet',
    side: 'uplink',
    port: 'up-ext',
    serves: [
      ...(['22/tcp', '25/tcp', '53/tcp', '53/udp', '80/tcp', '123/udp'] as const),
      ...(['443/tcp', '636/tcp', '1812/udp'] as const),
    ],
  },
  {
    name: 'intranet',
    side: 'uplink',
    port: 'up-int',
    serves: ['22/tcp', '25/tcp', '53/udp', '80/tcp', '443/tcp', '636/tcp'],
  },
  {
    name: 'mgmt',
    side: 'uplink',
    port: 'up-mgmt',
    serves: ['22/tcp', '443/tcp', '514/udp', '9103/tcp'],
  },
  { name: 'dns', side: 'inside', port: 'dn-dns', serves: ['22/tcp', '53/tcp', '53/udp'] },
  {
    name: 'mail',
    side: 'inside',
    port: 'dn-mail',
    serves: ['22/tcp', '25/tcp', '465/tcp', '587/tcp'],
  },
  { name: 'www', side: 'inside', port: 'dn-www', serves: ['22/tcp', '80/tcp', '443/tcp'] },
  {
    name: 'auth',
    side: 'inside',
    port: 'dn-auth',
    serves: ['22/tcp', '88/tcp', '88/udp', '389/tcp', '636/tcp'],
  },
  {
    name: 'mbox',
    side: 'inside',
    port: 'dn-mbox',
    serves: ['22/tcp', '24/tcp', '143/tcp', '993/tcp'],
  },
  {
    name: 'aquilante',
    side: 'inside',
    port: 'dn-aquil',
    serves: [
      ...(['22/tcp', '25/tcp', '80/tcp', '443/tcp', '445/tcp', '465/tcp', '587/tcp'] as const),
      ...(['1812/udp', '3306/tcp', '5000/tcp', '9102/tcp', '12865/tcp'] as const),
    ],
  },
];

export type ActorName =
  | 'extranet'
  | 'partner'
  | 'capetto'
  | 'ntp'
  | 'intranet'
  | 'mgmt'
  | 'director'
  | 'storage'
  | 'syslog'
  | 'dns'
  | 'mail'
  | 'www'
  | 'auth'
  | 'mbox'
  | 'aquilante';

function actor(name: ActorName, title: string, station: string, v4: string, v6: string): Actor {
  return { name, title, station, v4, v6 };
}

const SITE4 = '193.206.157';
const SITE6 = '2001:760:4211:';

const LIST: readonly Actor[] = [
  actor('extranet', 'Extranet', 'extranet', '198.51.100.10', '2001:db8:51::10'),
  actor('partner', 'partner', 'extranet', '203.0.113.7', '2001:db8:77::7'),
  actor('capetto', 'capetto', 'extranet', '192.84.138.7', '2001:760:4205::7'),
  actor('ntp', 'ntp', 'extranet', '193.204.114.232', '2001:760:4200::123'),
  actor('intranet', 'Intranet', 'intranet', '193.206.156.100', `${SITE6}:6:100`),
  actor('mgmt', 'mgmt', 'mgmt', `${SITE4}.20`, `${SITE6}:20`),
  actor('director', 'director', 'mgmt', `${SITE4}.30`, `${SITE6}:30`),
  actor('storage', 'storage', 'mgmt', `${SITE4}.31`, `${SITE6}:31`),
  actor('syslog', 'syslog', 'mgmt', `${SITE4}.32`, `${SITE6}:32`),
  actor('dns', 'DNS', 'dns', `${SITE4}.53`, `${SITE6}:53`),
  actor('mail', 'MAIL', 'mail', `${SITE4}.25`, `${SITE6}:25`),
  actor('www', 'WWW', 'www', `${SITE4}.80`, `${SITE6}:80`),
  actor('auth', 'AUTH', 'auth', `${SITE4}.88`, `${SITE6}:88`),
  actor('mbox', 'MBOX', 'mbox', `${SITE4}.143`, `${SITE6}:143`),
  actor('aquilante', 'aquilante', 'aquilante', `${SITE4}.12`, `${SITE6}:12`),
];

/** Everyone, by name. */
export const ACTORS = Object.fromEntries(LIST.map((a) => [a.name, a])) as Record<ActorName, Actor>;

/** Those who share a station. */
export function actorsAt(station: string): Actor[] {
  return LIST.filter((a) => a.station === station);
}

/** The station of an actor. */
export function stationOf(name: ActorName): Station {
  const station = STATIONS.find((s) => s.name === ACTORS[name].station);
  if (!station) throw new Error(`${name} is nowhere`);
  return station;
}

export type Family = 4 | 6;

/** An actor's address of a family. */
export function addressOf(name: ActorName, family: Family): string {
  return family === 4 ? ACTORS[name].v4 : ACTORS[name].v6;
}
