/** IPv4 and IPv6 headers that lie, IPv4 options, truncations at every boundary. */
import { type Layer, padded, tcp } from '../../packet/index.js';
import type { Sending } from '../fixtures/actors.js';
import {
  altered,
  CONTRABAND,
  cutTo,
  range,
  smtp,
  snmp,
  type Trick,
  telnet,
  tricksOf,
  v4,
  v4With,
  v6,
  v6With,
} from './trick.js';

function lies4(): Trick[] {
  const of = tricksOf('IPv4 headers that lie');
  const lie = (what: string, fields: object) => of(what, v4With(fields, smtp));
  return [
    ...[0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map((version) =>
      lie(`version ${version} under the ethertype of IPv4`, { version }),
    ),
    ...range(0, 4).map((ihl) => lie(`a header of ${ihl * 4} bytes`, { ihl })),
    ...range(6, 15).map((ihl) =>
      of(
        `a header of ${ihl * 4} bytes that takes SMTP's for options: telnet follows`,
        v4With({ ihl, proto: 6 }, Buffer.alloc((ihl - 5) * 4, 1), bare(telnet)),
      ),
    ),
    ...[0, 1, 19].map((length) => lie(`total length ${length}`, { length })),
    ...range(20, 39).map((length) =>
      lie(`total length ${length}: no room for the header of TCP`, { length }),
    ),
    ...[41, 48, 1500, 65535].map((length) =>
      lie(`total length ${length}, more than there is`, { length }),
    ),
    of(
      'a total length that leaves telnet in what looks like padding, and names no port',
      altered(v4With({ length: 20, proto: 6 }, telnet), (bytes) => padded(bytes, 60)),
    ),
    of('the reserved flag, and telnet', withFlags(v4(telnet), 0x8000)),
    of('do not fragment, and telnet', v4With({ dontFragment: true }, telnet)),
    of('hop limit 0, and telnet', v4With({ ttl: 0 }, telnet)),
    of('a checksum that is wrong, and telnet', v4With({ checksum: 0x1234 }, telnet)),
  ];
}

const bare = (layer: Layer): Buffer => layer.build(Buffer.alloc(0), {} as never);

function withFlags(sending: Sending, flags: number): Sending {
  return altered(sending, (bytes) => {
    bytes.writeUInt16BE(bytes.readUInt16BE(20) | flags, 20);
    return bytes;
  });
}

function lies6(): Trick[] {
  const of = tricksOf('IPv6 headers that lie');
  const lie = (what: string, fields: object) => of(what, v6With(fields, smtp));
  return [
    ...range(0, 15)
      .filter((version) => version !== 6)
      .map((version) => lie(`version ${version} under the ethertype of IPv6`, { version })),
    ...range(0, 19).map((length) =>
      lie(`payload length ${length}: no room for the header of TCP`, { length }),
    ),
    ...[21, 28, 1500, 65535].map((length) =>
      lie(`payload length ${length}, more than there is`, { length }),
    ),
    of('a flow label, and telnet', v6With({ flowLabel: 0xfffff }, telnet)),
    of('a traffic class, and telnet', v6With({ trafficClass: 0xff }, telnet)),
    of('hop limit 0, and telnet', v6With({ hopLimit: 0 }, telnet)),
  ];
}

/** RFC 791 3.1 and its successors: what routers and hosts have been fooled by. */
const OPTIONS: readonly [string, number[]][] = [
  ['loose source routing', [131, 11, 4, 192, 0, 2, 80, 192, 0, 2, 25, 0]],
  ['strict source routing', [137, 11, 4, 192, 0, 2, 80, 192, 0, 2, 25, 0]],
  ['loose source routing that is done', [131, 7, 8, 192, 0, 2, 25, 0]],
  ['record route', [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['timestamps', [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['a router alert', [148, 4, 0, 0]],
  ['security labels', [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['a stream identifier', [136, 4, 0, 1]],
  ['quick start', [25, 8, 0, 0, 0, 0, 0, 0]],
  ['an option that nobody knows', [222, 6, 1, 2, 3, 4, 0, 0]],
  ['an option of no length', [7, 0, 0, 0]],
  ['an option of length 1', [7, 1, 0, 0]],
  ['an option longer than the header', [7, 255, 4, 0]],
  ['40 bytes of nothing', Array.from({ length: 40 }, () => 1)],
  ['what looks like the header of SMTP', [...bare(tcp({ sport: 40000, dport: 25 }))]],
  ['what looks like the header of SMTP, after the end', [0, 0, 0, 0, ...bare(smtp)]],
];

function options4(): Trick[] {
  const of = tricksOf('IPv4 options');
  return OPTIONS.flatMap(([what, bytes]) => {
    const options = Buffer.from(bytes);
    return [
      of(`telnet behind ${what}`, v4With({ options }, telnet)),
      of(`SNMP behind ${what}`, v4With({ options }, snmp, 'get everything')),
    ];
  });
}

function truncations(): Trick[] {
  const of = tricksOf('truncations');
  const allowed = [
    { what: 'SMTP', sending: v4(smtp) },
    { what: 'SMTP over IPv6', sending: v6(smtp) },
  ];
  return allowed
    .slice(0, 2)
    .flatMap(({ what, sending }) =>
      range(14, sending.frame.length - 1).map((length) =>
        of(`${what} cut after ${length} bytes of ${sending.frame.length}`, cutTo(sending, length)),
      ),
    );
}

/** Plain, once each: so that whoever reads the corpus sees what the others disguise. */
function plain(): Trick[] {
  const of = tricksOf('no disguise');
  return CONTRABAND.map(({ what, of: made }) => of(what, made()));
}

export const HEADERS: readonly Trick[] = [
  ...plain(),
  ...lies4(),
  ...lies6(),
  ...options4(),
  ...truncations(),
];
