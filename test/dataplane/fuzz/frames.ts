/** Random frames: conversations that go on, strangers that do not, and bytes that are wrong. */
import {
  arp,
  authentication,
  BROADCAST_MAC,
  destinationOptions,
  ether,
  fragment6,
  frame,
  hopByHop,
  icmp,
  icmp6,
  ipv4,
  ipv6,
  type Layer,
  neighbour,
  raw,
  routing,
  sctp,
  tcp,
  udp,
  vlan,
} from '../../packet/index.js';
import { SELF_MAC } from '../fixtures/link.js';
import type { ExpectedConnection, PortName } from '../fixtures/types.js';
import {
  CLIENT_PORTS,
  INSIDES,
  MACS,
  PEERS_V4,
  PEERS_V6,
  PROTOCOLS,
  SCREENABLE,
  SERVICE_PORTS,
  UPLINKS,
} from './places.js';
import type { Random } from './random.js';
import { TcpNumbers } from './tcp-numbers.js';

interface Party {
  readonly mac: string;
  readonly port: PortName;
  readonly v4: string;
  readonly v6: string;
}

/** Two parties that keep talking about the same thing. */
export interface Conversation {
  readonly ends: readonly [Party, Party];
  readonly family: 4 | 6;
  readonly proto: 'tcp' | 'udp' | 'sctp' | 'icmp' | 'other';
  readonly sport: number;
  readonly dport: number;
  readonly number: number;
  readonly tags: readonly Layer[];
  readonly numbers: TcpNumbers;
  /** How far an honest exchange has come. */
  step: number;
}

export interface Arrival {
  readonly port: PortName;
  readonly frame: Buffer;
}

/** Most stations stay behind one port. */
function station(random: Random, side: readonly PortName[], macs: readonly string[]) {
  const number = random.below(macs.length);
  const everywhere = [...UPLINKS, ...INSIDES];
  const port = random.oneIn(15) ? random.pick(everywhere) : side[number % side.length]!;
  return { mac: macs[number]!, port };
}

function insider(random: Random): Party {
  const [v4, v6] = random.pick(SCREENABLE);
  return { ...station(random, INSIDES, MACS.slice(3)), v4, v6 };
}

function outsider(random: Random): Party {
  const side = random.oneIn(8) ? INSIDES : UPLINKS;
  const place = station(random, side, MACS.slice(0, 3));
  return { ...place, v4: random.pick(PEERS_V4), v6: random.pick(PEERS_V6) };
}

function parties(random: Random): [Party, Party] {
  return random.weighted<() => [Party, Party]>([
    [5, () => [outsider(random), insider(random)]],
    [3, () => [insider(random), outsider(random)]],
    [2, () => [insider(random), insider(random)]],
    [1, () => [outsider(random), outsider(random)]],
  ])();
}

function tags(random: Random): Layer[] {
  const tag = () =>
    random.weighted([
      [4, vlan(10)],
      [2, vlan(20, { priority: 5 })],
      [1, vlan(0, { priority: 3 })],
      [1, vlan(10, { tpid: 0x88a8 })],
      [1, vlan(30, { tpid: 0x9100 })],
    ]);
  const count = random.weighted([
    [40, 0],
    [14, 1],
    [8, 2],
    [1, 3],
  ]);
  return Array.from({ length: count }, tag);
}

export function randomConversation(random: Random): Conversation {
  return {
    ends: parties(random),
    family: random.oneIn(3) ? 6 : 4,
    proto: random.weighted([
      [6, 'tcp'],
      [3, 'udp'],
      [1, 'sctp'],
      [2, 'icmp'],
      [1, 'other'],
    ] as const),
    sport: random.pick(CLIENT_PORTS),
    dport: random.pick(SERVICE_PORTS),
    number: random.pick(PROTOCOLS),
    tags: tags(random),
    numbers: new TcpNumbers(random),
    // Now and then one that began before.
    step: random.oneIn(5) ? EXCHANGE.indexOf('PA') : 0,
  };
}

/** What a helper may read in a conversation, and the conversation that comes of it. */
export function expectedOf(
  random: Random,
  master: Conversation,
): { expected: ExpectedConnection; talk: Conversation } | null {
  const number = { tcp: 6, udp: 17, sctp: null, icmp: null, other: null }[master.proto];
  if (number === null || master.tags.length > 1) return null;
  const proto = random.oneIn(4) ? 'udp' : 'tcp';
  const [client, server] = master.ends;
  const ends: Conversation['ends'] = random.oneIn(2) ? [client, server] : [server, client];
  const [sport, dport] = [random.pick(CLIENT_PORTS), random.pick(SERVICE_PORTS)];
  const numbers = new TcpNumbers(random);
  const talk: Conversation = { ...master, ends, proto, sport, dport, numbers, step: 0 };
  const ip = (party: Party) => (master.family === 4 ? party.v4 : party.v6);
  const [from, fromPort] = random.weighted<[string | null, number | null]>([
    [4, [ip(ends[0]), null]],
    [1, [ip(ends[0]), sport]],
    [1, [null, null]],
  ]);
  const expected: ExpectedConnection = {
    master: {
      client: ip(client),
      server: ip(server),
      sport: master.sport,
      dport: master.dport,
      proto: number,
    },
    from,
    sport: fromPort,
    to: ip(ends[1]),
    dport,
    proto: proto === 'tcp' ? 6 : 17,
    vlan: master.tags.length === 0 ? 0 : 10,
  };
  return { expected, talk };
}

/** An honest TCP exchange; `<` marks what the server sends. */
const EXCHANGE = ['S', '<SA', 'A', 'PA', '<A', '<PA', 'A', 'FA', '<A', '<FA', 'A'] as const;

/** The frame by which a conversation begins. */
export function firstFrame(talk: Conversation): Arrival {
  const [from, to] = talk.ends;
  const ends = { src: from.v4, dst: to.v4 };
  const network = talk.family === 4 ? ipv4(ends) : ipv6({ src: from.v6, dst: to.v6 });
  const layers = [...talk.tags, network, ...upper(talk, { flags: 'S', back: false, id: 1 })];
  return { port: from.port, frame: frame(ether({ src: from.mac, dst: to.mac }), ...layers) };
}

/** The next frame of a conversation: as it ought to go on, or anything. */
export function nextFrame(random: Random, talk: Conversation): Arrival {
  const honest = random.oneIn(4) ? undefined : EXCHANGE[talk.step++ % EXCHANGE.length]!;
  const back = honest === undefined ? random.oneIn(2) : honest.startsWith('<');
  const flags = honest === undefined ? random.weighted(TCP_FLAGS) : honest.replace('<', '');
  const [from, to] = back ? [talk.ends[1], talk.ends[0]] : talk.ends;
  const destination = random.oneIn(20) ? random.pick([BROADCAST_MAC, SELF_MAC, ...MACS]) : to.mac;
  const port = random.oneIn(30) ? random.pick([...UPLINKS, ...INSIDES]) : from.port;
  const length = payload(random, talk, flags);
  const numbers = talk.proto === 'tcp' ? talk.numbers.next(random, flags, back, length) : undefined;
  const turn = { flags, back, id: random.pick([1, 1, 2]), strange: strangeType(random), numbers };
  return {
    port,
    frame: frame(
      ether({ src: from.mac, dst: destination }),
      ...talk.tags,
      ...network(random, talk.family, from, to),
      ...upper(talk, turn),
      'x'.repeat(length),
    ),
  };
}

/** A frame of a conversation with that many bytes of data, without anything odd about its headers. */
export function wholeFrame(random: Random, talk: Conversation, length: number): Arrival {
  const back = random.oneIn(2);
  const [from, to] = back ? [talk.ends[1], talk.ends[0]] : talk.ends;
  const flags = random.oneIn(4) ? 'S' : 'PA';
  const ends = { src: from.v4, dst: to.v4 };
  return {
    port: from.port,
    frame: frame(
      ether({ src: from.mac, dst: to.mac }),
      ...talk.tags,
      talk.family === 4 ? ipv4(ends) : ipv6({ src: from.v6, dst: to.v6 }),
      ...upper(talk, { flags, back, id: 1, strange: strangeType(random) }),
      'y'.repeat(length),
    ),
  };
}

function network(random: Random, family: 4 | 6, from: Party, to: Party): Layer[] {
  if (family === 4) {
    const options = random.oneIn(12) ? Buffer.alloc(4 * random.between(1, 10), 1) : undefined;
    const fragment = random.oneIn(40)
      ? random.pick([{ moreFragments: true }, { offset: 8 }, { offset: 1480, moreFragments: true }])
      : {};
    return [ipv4({ src: from.v4, dst: to.v4, ...(options ? { options } : {}), ...fragment })];
  }
  const hopLimit = random.oneIn(12) ? { hopLimit: random.pick([1, 64, 255]) } : {};
  const ends = ipv6({ src: from.v6, dst: to.v6, ...hopLimit });
  if (random.oneIn(40)) return [ends, ...longExtensions(random)];
  const extensions = Array.from(
    {
      length: random.weighted([
        [8, 0],
        [2, 1],
        [1, 3],
        [1, 9],
      ]),
    },
    () =>
      random.pick([
        hopByHop(),
        destinationOptions(),
        destinationOptions({ body: Buffer.alloc(8 * random.between(1, 31)) }),
        routing(),
        authentication(),
        fragment6(),
        fragment6({ more: true }),
        fragment6({ offset: 8 }),
      ]),
  );
  return [ends, ...extensions];
}

/** Extension headers that end about where an upper header may begin at the latest. */
function longExtensions(random: Random): Layer[] {
  const last = random.between(24, 29) * 8;
  return [248, 256, 256, last].map((size) =>
    destinationOptions({ body: Buffer.alloc(size - 2, 1) }),
  );
}

const TCP_FLAGS = [
  [20, 'S'],
  [16, 'SA'],
  [28, 'A'],
  [5, 'PA'],
  [13, 'FA'],
  [4, 'RA'],
  [4, 'R'],
  [1, 'SEC'],
  [1, ''],
  [1, 'SF'],
  [1, 'FPU'],
  [1, 'SRA'],
] as const;

/** Now and then, a type of ICMP that belongs to no exchange. */
function strangeType(random: Random): number | undefined {
  return random.oneIn(10) ? random.below(161) : undefined;
}

/** Bytes of payload. */
function payload(random: Random, { proto }: Conversation, flags: string): number {
  if (proto === 'tcp' && !flags.includes('P')) {
    return random.weighted([
      [8, 0],
      [1, 12],
    ]);
  }
  return random.weighted([
    [6, 12],
    [1, 0],
    [1, 3],
    [proto === 'tcp' ? 2 : 0, 300],
  ]);
}

interface Turn {
  readonly numbers?: ReturnType<TcpNumbers['next']> | undefined;
  readonly flags: string;
  readonly back: boolean;
  readonly id: number;
  readonly strange?: number | undefined;
}

function upper(talk: Conversation, { flags, back, id, strange, numbers }: Turn): Layer[] {
  const [sport, dport] = back ? [talk.dport, talk.sport] : [talk.sport, talk.dport];
  switch (talk.proto) {
    case 'tcp':
      return [tcp({ sport, dport, flags, ...numbers })];
    case 'udp':
      return [udp({ sport, dport })];
    case 'sctp':
      return [sctp({ sport, dport, chunks: flags.includes('S') ? [back ? 2 : 1] : [0] })];
    case 'icmp': {
      const timestamp = talk.dport === 53;
      const [request, answer] = timestamp && talk.family === 4 ? [13, 14] : [8, 0];
      if (talk.family === 4) return [icmp({ type: strange ?? (back ? answer : request), id })];
      return [icmp6({ type: strange ?? (back ? 129 : 128), id })];
    }
    default:
      return [raw('', { proto: talk.number })];
  }
}

/** LLC, mostly that of the spanning tree protocol, and what may be a BPDU. */
function randomBpdu(random: Random): Buffer {
  const bytes = Buffer.alloc(random.pick([38, 38, 7, 8, 6]));
  bytes.set([0x42, 0x42, random.oneIn(6) ? 0x13 : 3]);
  if (bytes.length > 6) bytes[6] = random.pick([0, 0, 2, 0x80]);
  if (bytes.length > 7) bytes[7] = random.below(4);
  return bytes;
}

/** A frame of no conversation: ARP, neighbours, reserved multicast, strange ethertypes. */
export function oddFrame(random: Random): Arrival {
  const [from, to] = parties(random);
  const port = random.oneIn(10) ? random.pick([...UPLINKS, ...INSIDES]) : from.port;
  const link = (dst: string, ...layers: (Layer | Uint8Array)[]) => ({
    port,
    frame: frame(ether({ src: from.mac, dst }), ...tags(random), ...layers),
  });
  return random.weighted<() => Arrival>([
    [
      5,
      () =>
        link(
          random.pick([BROADCAST_MAC, to.mac]),
          arp({
            operation: random.weighted([
              [5, 1],
              [5, 2],
              [1, 3],
            ]),
            senderMac: random.oneIn(6) ? random.pick(MACS) : from.mac,
            sender: from.v4,
            target: to.v4,
          }),
        ),
    ],
    [2, () => link(to.mac, ipv6({ src: from.v6, dst: to.v6 }), neighbour(135, to.v6, from.mac))],
    [
      3,
      () => link(to.mac, ipv6({ src: from.v6, dst: to.v6 }), ...randomNeighbour(random, from, to)),
    ],
    [
      1,
      () =>
        link(
          to.mac,
          ipv6({
            src: random.pick(['::', 'fe80::1', from.v6]),
            dst: random.pick([to.v6, 'ff02::16']),
            ...(random.oneIn(3) ? { hopLimit: random.pick([0, 1, 254, 255]) } : {}),
          }),
          icmp6({ type: random.between(128, 144) }),
        ),
    ],
    [1, () => link(to.mac, ipv4({ src: from.v4, dst: to.v4, proto: 2 }), raw(Buffer.alloc(8)))],
    [1, () => link('01:80:c2:00:00:00', raw(randomBpdu(random), { ethertype: 0x26 }))],
    [
      1,
      () =>
        link(
          `01:80:c2:00:00:${random.below(18).toString(16).padStart(2, '0')}`,
          raw(Buffer.alloc(46), { ethertype: random.pick([0x88cc, 0x26, 0x8809, 0x888e]) }),
        ),
    ],
    [
      1,
      () =>
        link(
          to.mac,
          raw(Buffer.from('aaaa0300000008004500', 'hex'), {
            ethertype: random.pick([0x8864, 0x8847, 0x88b5, 0x600, 0x5ff, 60, 0x0805]),
          }),
        ),
    ],
    [
      1,
      () =>
        link(
          to.mac,
          ipv4({
            src: random.pick(['0.0.0.0', '0.0.0.1', '127.0.0.1', '224.0.0.1', '240.0.0.1', to.v4]),
            dst: random.pick([to.v4, '0.0.0.0', '127.0.0.1', '255.255.255.255', '224.0.0.9']),
          }),
          udp(
            random.pick([
              { sport: 68, dport: 67 },
              { sport: 53, dport: 53 },
            ]),
          ),
          raw(Buffer.alloc(8)),
        ),
    ],
    [
      1,
      () =>
        link(
          to.mac,
          ipv6({
            src: random.pick(['::', '::1', '::ffff:1.2.3.4', 'ff02::1', from.v6]),
            dst: random.pick([to.v6, '::', '::1', '::ffff:1.2.3.4', 'ff02::1']),
          }),
          udp({ sport: 53, dport: 53 }),
        ),
    ],
  ])();
}

/** What ND says of one of two stations, with options of any kind. */
function randomNeighbour(random: Random, from: Party, to: Party): (Layer | Uint8Array)[] {
  const type = random.pick([135, 136] as const);
  const told = random.oneIn(4) ? to : from;
  const mac = random.oneIn(4) ? random.pick(MACS) : told.mac;
  const more = Array.from(
    {
      length: random.weighted([
        [4, 0],
        [2, 1],
        [1, 3],
        [1, 5],
      ]),
    },
    () => {
      const unit = Buffer.alloc(
        8 *
          random.weighted([
            [6, 1],
            [1, 2],
          ]),
      );
      unit.set([
        random.pick([1, 2, 5, 14]),
        random.weighted([
          [8, unit.length / 8],
          [1, random.below(3)],
        ]),
      ]);
      if (random.oneIn(2)) unit.set(Buffer.from(mac.replaceAll(':', ''), 'hex'), 2);
      return unit;
    },
  );
  return [neighbour(type, told.v6, mac), ...more];
}

/** A length field of IP or UDP, untagged, that is not what it ought to be. */
function wrongLength(random: Random, bytes: Buffer): Buffer {
  const v6 = bytes.readUInt16BE(12) === 0x86dd;
  const at = random.pick(v6 ? [18, 58] : [16, 38]);
  if (at + 2 > bytes.length) return bytes;
  const length = bytes.readUInt16BE(at);
  const values = [0, 7, 8, 19, 20, length - 1, length + 1, length + 8, 65535];
  bytes.writeUInt16BE(Math.max(0, random.pick(values)) & 0xffff, at);
  return bytes;
}

/** Somewhere, something is wrong with it: mostly in its headers. */
export function mutated(random: Random, before: Buffer): Buffer {
  const bytes = Buffer.from(before);
  const place = () => random.below(Math.min(bytes.length, 80));
  return random.weighted<() => Buffer>([
    [
      6,
      () => {
        for (let times = random.between(1, 3); times > 0; times--)
          bytes[place()] = random.below(256);
        return bytes;
      },
    ],
    [
      4,
      () => {
        const at = place();
        bytes[at] = bytes[at]! ^ (1 << random.below(8));
        return bytes;
      },
    ],
    [3, () => wrongLength(random, bytes)],
    [3, () => bytes.subarray(0, random.between(14, bytes.length))],
    [1, () => Buffer.concat([bytes, Buffer.alloc(random.between(1, 40), random.below(256))])],
  ])();
}
