/** IPv6 extension headers: chains of them, lies about their length, what stands at their end. */
import {
  authentication,
  destinationOptions,
  filling,
  fragment6,
  frame,
  hopByHop,
  type Layer,
  mobility,
  raw,
  routing,
  udp,
} from '../../packet/index.js';
import { range, smtp, snmp, type Trick, telnet, tricksOf, v4With, v6, v6With } from './trick.js';

const HEADERS: readonly { name: string; layer: () => Layer }[] = [
  { name: 'destination options', layer: () => destinationOptions() },
  { name: 'routing', layer: () => routing() },
  { name: 'authentication', layer: () => authentication() },
  { name: 'an atomic fragment', layer: () => fragment6() },
];

/** Every order of two, and of three, of the headers that may stand anywhere. */
function chains(): Trick[] {
  const of = tricksOf('chains of IPv6 extension headers');
  const some = HEADERS.flatMap((a) => [
    [a],
    ...HEADERS.filter((b) => b !== a).flatMap((b) => [
      [a, b],
      ...HEADERS.filter((c) => c !== a && c !== b).map((c) => [a, b, c]),
    ]),
  ]);
  const names = (chain: (typeof some)[number]) => chain.map(({ name }) => name).join(', ');
  return some.map((chain, at) => {
    const layers = chain.map(({ layer }) => layer());
    const upper = at % 2 === 0 ? [telnet] : [snmp, 'get everything'];
    return of(
      `${at % 2 === 0 ? 'telnet' : 'SNMP'} behind ${names(chain)}`,
      v6(...layers, ...upper),
    );
  });
}

function many(): Trick[] {
  const of = tricksOf('many IPv6 extension headers');
  const all = [
    hopByHop(),
    destinationOptions(),
    routing(),
    fragment6(),
    authentication(),
    destinationOptions(),
  ];
  return [
    of('telnet behind six different headers, in the order of RFC 8200', v6(...all, telnet)),
    of('SNMP behind the same', v6(...all, snmp, 'get everything')),
    of('telnet behind the same, without the first', v6(...all.slice(1), telnet)),
    of('telnet behind the same, backwards', v6(...all.slice(1).reverse(), telnet)),
    ...range(2, 12).map((count) =>
      of(
        `telnet behind ${count} headers of destination options`,
        v6(...range(1, count).map(() => destinationOptions()), telnet),
      ),
    ),
    ...[64, 128, 256, 512].map((bytes) =>
      of(`telnet behind ${bytes} bytes of destination options`, v6(...inPieces(bytes), telnet)),
    ),
    of('SMTP further behind than any header is looked for', v6(...inPieces(1200), smtp)),
    of('telnet further behind than that', v6(...inPieces(1280), telnet)),
    of('two fragment headers', v6(fragment6(), fragment6(), telnet)),
    of('a fragment header in a fragment', v6(fragment6(), fragment6({ more: true }), telnet)),
    of('hop-by-hop options that come second', v6(destinationOptions(), hopByHop(), smtp)),
    of('hop-by-hop options twice', v6(hopByHop(), hopByHop(), smtp)),
    of('hop-by-hop options behind a fragment header', v6(fragment6(), hopByHop(), smtp)),
  ];
}

/** Destination options of so many bytes. */
function inPieces(bytes: number): Layer[] {
  const count = Math.ceil(bytes / 256);
  return range(1, count).map((n) => {
    const size = n < count ? 256 : bytes - 256 * (count - 1);
    return destinationOptions({ body: Buffer.alloc(Math.max(size, 8) - 2, 0) });
  });
}

function lies(): Trick[] {
  const of = tricksOf('IPv6 extension headers that lie');
  const jumbo = (length: number) => {
    const body = Buffer.alloc(6);
    body.set([0xc2, 4]);
    body.writeUInt32BE(length, 2);
    return hopByHop({ body });
  };
  return [
    ...[1, 2, 3, 10, 30, 127, 255].flatMap((length) => [
      of(
        `hop-by-hop options of ${(length + 1) * 8} bytes, they say`,
        v6(hopByHop({ length }), smtp),
      ),
      of(
        `destination options of ${(length + 1) * 8} bytes, they say`,
        v6(destinationOptions({ length }), smtp),
      ),
      of(`a routing header of ${(length + 1) * 8} bytes, it says`, v6(routing({ length }), smtp)),
    ]),
    ...[0, 1, 2, 3].map((length) =>
      of(
        `an authentication header of ${(length + 2) * 4} bytes, it says: what follows names another port`,
        v6(authentication({ length }), telnet),
      ),
    ),
    ...[30, 255].map((length) =>
      of(
        `an authentication header of ${(length + 2) * 4} bytes`,
        v6(authentication({ length }), smtp),
      ),
    ),
    of('a jumbogram', v6With({ length: 0 }, jumbo(70000), smtp)),
    of('a jumbogram of the length that it has', v6With({ length: 0 }, jumbo(28), smtp)),
    of('a jumbo payload option where there is a payload length', v6(jumbo(70000), telnet)),
    of('a router alert', v6(hopByHop({ body: Buffer.from([5, 2, 0, 0, 1, 0]) }), telnet)),
    of('an option that makes hosts discard', v6(hopByHop({ body: filling(6) }), telnet)),
    of('a home address', v6(destinationOptions({ body: Buffer.alloc(22, 0xc9) }), telnet)),
    ...range(1, 7).map((length) =>
      of(`destination options cut after ${length} bytes`, v6With({ next: 60 }, filling(length))),
    ),
  ];
}

function routes(): Trick[] {
  const of = tricksOf('IPv6 routing headers');
  return [0, 1, 2, 3, 4, 5, 253].flatMap((type) =>
    [0, 1, 255].map((segmentsLeft) =>
      of(
        `telnet behind a routing header of type ${type}, ${segmentsLeft} segments left`,
        v6(routing({ type, segmentsLeft, body: Buffer.alloc(20) }), telnet),
      ),
    ),
  );
}

/** Protocols that carry others, or carry what the wall cannot see. */
const CARRIERS: readonly [number, string][] = [
  [4, 'IPv4'],
  [41, 'IPv6'],
  [43, 'a routing header'],
  [44, 'a fragment header'],
  [46, 'RSVP'],
  [47, 'GRE'],
  [50, 'ESP'],
  [51, 'AH'],
  [55, 'minimal encapsulation'],
  [59, 'nothing, it says'],
  [60, 'destination options'],
  [94, 'IP within IP'],
  [97, 'Ethernet'],
  [98, 'encapsulation'],
  [108, 'compressed payload'],
  [115, 'L2TP'],
  [135, 'mobility'],
  [136, 'UDP-Lite'],
  [137, 'MPLS'],
  [139, 'host identity'],
  [140, 'shim6'],
  [142, 'ROHC'],
  [253, 'an experiment'],
  [255, 'a reserved number'],
];

function carriers(): Trick[] {
  const of = tricksOf('protocols that carry others');
  const inner = frame(telnet);
  return CARRIERS.flatMap(([number, name]) => [
    of(`telnet within protocol ${number} of IPv4, ${name}`, v4With({ proto: number }, inner)),
    ...([43, 44, 51, 60].includes(number)
      ? []
      : [of(`telnet within protocol ${number} of IPv6, ${name}`, v6With({ next: number }, inner))]),
  ]);
}

function ends(): Trick[] {
  const of = tricksOf('what stands at the end of IPv6 extension headers');
  return [
    of('nothing, and then telnet', v6(raw('', { proto: 59 }), frame(telnet))),
    of('mobility, and then telnet', v6(mobility(), telnet)),
    of('ICMP of IPv4', v6With({ next: 1 }, Buffer.from('0800f7ff00000000', 'hex'))),
    of('telnet behind AH and ESP', v6(authentication(), raw(filling(40), { proto: 50 }))),
    of(
      'QUIC for the web server, to the mail server',
      v6(hopByHop(), udp({ sport: 40000, dport: 443 }), 'x'),
    ),
  ];
}

export const EXTENSIONS: readonly Trick[] = [
  ...chains(),
  ...many(),
  ...lies(),
  ...routes(),
  ...carriers(),
  ...ends(),
];
