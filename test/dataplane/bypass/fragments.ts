/**
 * Fragments: tiny, overlapping, out of order, without a first one. Where a trick needs a datagram that is
 * under way, its first frames are ordinary and pass; the others must not.
 */
import {
  destinationOptions,
  filling,
  fragment6,
  hopByHop,
  type PieceOptions,
  piece,
  tcp,
  udp,
} from '../../packet/index.js';
import {
  packet,
  type Sending,
  stranger,
  stranger6,
  tagged,
  www,
  www6,
} from '../fixtures/actors.js';
import { range, smtp, type Trick, telnet, tricksOf, v4, v4With, v6, v6With } from './trick.js';

const part = ({ from, frame }: Sending, options: PieceOptions): Sending => ({
  from,
  frame: piece(frame, options),
});

/** 128 bytes that are allowed, in both families, each time from another port. */
const quic = (sport: number, six: boolean, data = 120): Sending =>
  packet(six ? stranger6 : stranger, six ? www6 : www, udp({ sport, dport: 443 }), filling(data));

function tiny(): Trick[] {
  const of = tricksOf('tiny fragments');
  const seen = [8, 16].flatMap((length) => [
    of(
      `the first ${length} bytes of a TCP header, the rest in another`,
      part(v4(telnet, 'data'), { offset: 0, length }),
      part(v4(telnet, 'data'), { offset: length, length: 64 }),
    ),
    of(
      `the first ${length} bytes of a TCP header, over IPv6`,
      part(v6(telnet, 'data'), { offset: 0, length }),
      part(v6(telnet, 'data'), { offset: length, length: 64 }),
    ),
    of(
      `the first ${length} bytes of an allowed one: flags and numbers come later`,
      part(v4(smtp, 'data'), { offset: 0, length }),
      part(v4(smtp, 'data'), { offset: length, length: 64 }),
    ),
    of(
      `the first ${length} bytes of an allowed one, over IPv6`,
      part(v6(smtp, 'data'), { offset: 0, length }),
      part(v6(smtp, 'data'), { offset: length, length: 64 }),
    ),
  ]);
  const long = tcp({ sport: 40000, dport: 25, options: Buffer.alloc(40, 1) });
  return [
    ...seen,
    of('a TCP header without its options', part(v4(long, 'data'), { offset: 0, length: 24 })),
    of('the same over IPv6', part(v6(long, 'data'), { offset: 0, length: 24 })),
    of('an empty first fragment', part(v4(smtp, 'data'), { offset: 0, length: 0, more: true })),
    of('the same over IPv6', part(v6(smtp, 'data'), { offset: 0, length: 0, more: true })),
    of('a first fragment of no multiple of 8', v4With({ moreFragments: true, id: 3 }, smtp)),
    of('the same over IPv6', v6(fragment6({ more: true, id: 3 }), smtp)),
    of(
      'IPv6 headers that go on in the next fragment',
      v6(fragment6({ more: true }), destinationOptions({ length: 3 })),
    ),
    of(
      'a fragment that shows only where headers go on',
      v6(hopByHop(), fragment6({ more: true, next: 60 }), filling(8)),
      v6(hopByHop(), fragment6({ offset: 8, next: 60 }), filling(20)),
    ),
    of(
      'SMTP whose flags are written again by a fragment at 8 (RFC 1858)',
      part(v4(telnet), { offset: 0, length: 16, id: 9 }),
      v4With({ offset: 8, id: 9, proto: 6 }, filling(12)),
    ),
  ];
}

function orphans(): Trick[] {
  const of = tricksOf('fragments without a first one');
  return [8, 16, 24, 40, 80, 400, 800, 1480, 2960, 32000, 65512].flatMap((offset) => [
    of(`IPv4, ${offset} bytes into a datagram`, v4With({ offset, proto: 6, id: 21 }, filling(16))),
    of(
      `IPv6, ${offset} bytes into a datagram`,
      v6(fragment6({ offset, next: 6, id: 21 }), filling(16)),
    ),
  ]);
}

/** Later fragments that reach into what has come: each datagram under its own id. */
function overlaps(): Trick[] {
  const of = tricksOf('overlapping fragments');
  const attempts: readonly [string, PieceOptions][] = [
    ['all but its end again', { offset: 0, length: 120 }],
    ['the first again, with other bytes to come', { offset: 0, length: 32 }],
    ['a new transport header', { offset: 0, length: 8 }],
    ['from its ports on', { offset: 8, length: 56 }],
    ['half of the second', { offset: 48, length: 32 }],
    ['the second again', { offset: 32, length: 32 }],
    ['8 bytes inside of it', { offset: 16, length: 8 }],
    ['over its end', { offset: 56, length: 16 }],
    ['all that is to come and a little more', { offset: 56, length: 72 }],
    ['one that says it is the last', { offset: 32, length: 32, more: false }],
  ];
  return attempts.flatMap(([what, options], at) =>
    [false, true].map((six) => {
      const whole = quic(41000 + at, six);
      const id = 100 + at;
      return of(
        `${six ? 'IPv6' : 'IPv4'}, two fragments and then ${what}; nor may the rest follow`,
        part(whole, { offset: 0, length: 32, id }),
        part(whole, { offset: 32, length: 32, id }),
        part(whole, { ...options, id }),
        part(whole, { offset: 64, length: 32, id }),
        part(whole, { offset: 96, length: 32, id }),
      );
    }),
  );
}

function disorder(): Trick[] {
  const of = tricksOf('fragments out of order');
  return [false, true].flatMap((six) => {
    const name = six ? 'IPv6' : 'IPv4';
    const whole = (sport: number) => quic(sport, six);
    const nth = (sport: number, n: number, id: number, more: Partial<PieceOptions> = {}) =>
      part(whole(sport), { offset: n * 32, length: 32, id, ...more });
    return [
      of(`${name}, backwards, all but the first`, ...[3, 2, 1].map((n) => nth(42000, n, 31))),
      of(
        `${name}, the last before the first; it is not kept`,
        nth(42001, 3, 32),
        nth(42001, 2, 32),
      ),
      of(
        `${name}, something behind the last`,
        nth(42002, 0, 33),
        nth(42002, 1, 33, { more: false }),
        nth(42002, 2, 33),
        nth(42002, 3, 33),
      ),
      of(
        `${name}, two ends`,
        nth(42003, 0, 34),
        nth(42003, 2, 34, { more: false }),
        nth(42003, 1, 34, { more: false }),
      ),
      of(
        `${name}, a datagram of telnet in the wake of an allowed one, by another id`,
        nth(42004, 0, 35),
        nth(42004, 1, 36),
        nth(42004, 2, 37),
      ),
      of(
        `${name}, the rest from another VLAN`,
        nth(42005, 0, 38),
        ...[1, 2].map((n) => {
          const from = tagged(six ? stranger6 : stranger, 10);
          const other = packet(
            from,
            six ? www6 : www,
            udp({ sport: 42005, dport: 443 }),
            filling(120),
          );
          return part(other, { offset: n * 32, length: 32, id: 38 });
        }),
      ),
      of(
        `${name}, the rest from the other side`,
        nth(42006, 0, 39),
        ...[1, 2].map((n) => {
          const { frame } = nth(42006, n, 39);
          return { from: { ...stranger, port: 'dn1' as const }, frame };
        }),
      ),
    ];
  });
}

function impossible(): Trick[] {
  const of = tricksOf('fragments that cannot be');
  return [
    of('the ping of death', v4With({ offset: 65528, proto: 1, id: 41 }, filling(1000))),
    of('65,540 bytes', v4With({ offset: 65512, proto: 17, id: 42 }, filling(28))),
    of('the same over IPv6', v6(fragment6({ offset: 65528, next: 17, id: 42 }), filling(40))),
    of('an empty last one', v4With({ offset: 64, proto: 17, id: 43 }, '')),
    of('an empty last one over IPv6', v6(fragment6({ offset: 64, next: 17, id: 43 }))),
    of('an empty one in the middle', v4With({ offset: 64, moreFragments: true, proto: 17 }, '')),
    of(
      'a fragment that must not be one',
      v4With({ offset: 64, dontFragment: true, proto: 17, id: 44 }, filling(16)),
    ),
    of(
      'telnet as a first fragment that must not be one',
      v4With({ moreFragments: true, dontFragment: true, id: 45 }, telnet, filling(12)),
    ),
    of('telnet as a first fragment', v4With({ moreFragments: true, id: 46 }, telnet, filling(12))),
    of('telnet as a first fragment over IPv6', v6(fragment6({ more: true }), telnet, filling(12))),
    of('telnet as an atomic fragment', v6(fragment6({ id: 47 }), telnet)),
    of(
      'telnet as an atomic fragment with its reserved bits set',
      v6(fragment6({ id: 48, reserved: 255 }), telnet),
    ),
    of('a fragment of a fragment header', v6(fragment6({ more: true, next: 44 }), filling(16))),
    of('an ICMP error in fragments', v4With({ moreFragments: true, proto: 1 }, unreachable)),
    of('the same over IPv6', v6(fragment6({ more: true, next: 58 }), unreachable)),
    ...range(1, 7).map((length) =>
      of(`a fragment header cut after ${length} bytes`, v6With({ next: 44 }, filling(length))),
    ),
  ];
}

const unreachable = Buffer.concat([Buffer.from('0301000000000000', 'hex'), Buffer.alloc(40, 0x45)]);

export const FRAGMENTS: readonly Trick[] = [
  ...tiny(),
  ...orphans(),
  ...overlaps(),
  ...disorder(),
  ...impossible(),
];
