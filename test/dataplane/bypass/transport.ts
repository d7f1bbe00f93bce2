/** Above IP: TCP flags and lengths, UDP, SCTP, ICMP of both families. */
import {
  filling,
  frame,
  icmp,
  icmp6,
  ipv4,
  ipv6,
  neighbour,
  sctp,
  tcp,
  tcpFlagLetters,
  udp,
} from '../../packet/index.js';
import {
  guest,
  link,
  mail,
  mail6,
  packet,
  packetWith,
  stranger,
  stranger6,
} from '../fixtures/actors.js';
import { range, type Trick, telnet, tricksOf, v4, v4With, v6, v6With } from './trick.js';

const SYN = 2;
const OTHERS = 1 | 4 | 16;

/** Scans and mid-stream segments, to a port that is open. */
function flags(): Trick[] {
  const of = tricksOf('TCP flags');
  const bad = range(0, 63).filter((bits) => !(bits & SYN) || (bits & OTHERS) !== 0);
  const segment = (bits: number) => tcp({ sport: 40000, dport: 25, flags: bits, ack: 1 });
  const name = (bits: number) => tcpFlagLetters(bits) || 'none';
  return [
    ...bad.map((bits) => of(`flags ${name(bits)}, to an open port`, v4(segment(bits)))),
    ...bad
      .filter((_, at) => at % 3 === 0)
      .map((bits) => of(`flags ${name(bits)}, to an open port, IPv6`, v6(segment(bits)))),
    of('telnet with ECN', v4(tcp({ sport: 40000, dport: 23, flags: 'SEC' }))),
    of('telnet with reserved bits', v4(tcp({ sport: 40000, dport: 23, reserved: 15 }))),
    of('telnet with data in its SYN', v4(telnet, 'root\r\n')),
    of('telnet, urgent', v4(tcp({ sport: 40000, dport: 23, flags: 'SU', urgent: 1 }))),
    of('telnet from port 25', v4(tcp({ sport: 25, dport: 23 }))),
    of('port 0', v4(tcp({ sport: 0, dport: 0 }))),
  ];
}

function lengths(): Trick[] {
  const of = tricksOf('transport lengths that lie');
  const offset = (words: number, six: boolean) =>
    (six ? v6 : v4)(tcp({ sport: 40000, dport: 25, offset: words }));
  return [
    ...[0, 1, 2, 3, 4, 6, 7, 10, 15].flatMap((words) => [
      of(`a TCP header of ${words * 4} bytes, it says`, offset(words, false)),
      of(`a TCP header of ${words * 4} bytes, it says, IPv6`, offset(words, true)),
    ]),
    ...[0, 1, 7, 10, 100, 65535].flatMap((length) => {
      const layer = udp({ sport: 40000, dport: 443, length });
      return [
        of(`a UDP datagram of ${length} bytes, it says`, v4(layer, 'x')),
        of(`a UDP datagram of ${length} bytes, it says, IPv6`, v6(layer, 'x')),
      ];
    }),
    ...[0, 4, 7].flatMap((length) => [
      of(`${length} bytes of UDP`, v4With({ proto: 17 }, filling(length))),
      of(`${length} bytes of UDP, IPv6`, v6With({ next: 17 }, filling(length))),
      of(`${length} bytes of ICMP`, v4With({ proto: 1 }, filling(length))),
      of(`${length} bytes of ICMPv6`, v6With({ next: 58 }, filling(length))),
      of(`${length + 4} bytes of SCTP`, v4With({ proto: 132 }, filling(length + 4))),
      of(`${length + 4} bytes of SCTP, IPv6`, v6With({ next: 132 }, filling(length + 4))),
    ]),
    of('UDP without a checksum', v4(udp({ sport: 40000, dport: 161, checksum: 0 }), 'get')),
    of('UDP without a checksum, IPv6', v6(udp({ sport: 40000, dport: 161, checksum: 0 }), 'get')),
    of(
      'UDP-Lite to a port that is open for UDP',
      v4(udp({ sport: 4, dport: 443, proto: 136 }), 'x'),
    ),
  ];
}

function others(): Trick[] {
  const of = tricksOf('other protocols');
  return [
    of('SCTP to a port that is open for TCP', v4(sctp({ sport: 4, dport: 25, chunks: [1] }))),
    of('the same over IPv6', v6(sctp({ sport: 4, dport: 25, chunks: [1] }))),
    of('SCTP in the middle of an association', v4(sctp({ sport: 4, dport: 25, chunks: [0] }))),
    of('SCTP without a chunk', v4(sctp({ sport: 4, dport: 25 }))),
    of('an SCTP chunk that is cut short', v4(sctp({ sport: 4, dport: 25 }), 'xx')),
    ...[2, 3, 8, 9, 33, 58, 88, 89, 103, 112, 254].map((proto) =>
      of(`IPv4 protocol ${proto}`, v4With({ proto }, filling(24))),
    ),
    ...[2, 33, 88, 89, 103, 112].map((next) =>
      of(`IPv6 next header ${next}`, v6With({ next }, filling(24))),
    ),
    of('IGMP to a host', v4With({ proto: 2 }, Buffer.from('1100eeff00000000', 'hex'))),
  ];
}

/** Messages of ICMP that open nothing, or that nobody may send. */
function messages(): Trick[] {
  const of = tricksOf('ICMP');
  const quoted = frame(ipv4({ src: mail.ip, dst: stranger.ip }), telnet);
  return [
    ...[0, 1, 2, 4, 6, 7, 9, 10, 13, 14, 15, 16, 17, 18, 19, 30, 37, 40, 42, 255].map((type) =>
      of(`ICMP type ${type}`, v4(icmp({ type }), filling(16))),
    ),
    ...[0, 1, 2, 3].map((code) =>
      of(`an ICMP redirect, code ${code}`, v4(icmp({ type: 5, code }), quoted)),
    ),
    ...[3, 11, 12].flatMap((type) => [
      of(`an ICMP error, type ${type}, of a connection that is none`, v4(icmp({ type }), quoted)),
      of(`an ICMP error, type ${type}, that quotes nothing`, v4(icmp({ type }))),
      of(
        `an ICMP error, type ${type}, that quotes an ICMP error`,
        v4(
          icmp({ type }),
          frame(ipv4({ src: mail.ip, dst: stranger.ip }), icmp({ type: 3 }), quoted),
        ),
      ),
      of(
        `an ICMP error, type ${type}, that quotes somebody else`,
        v4(icmp({ type }), frame(ipv4({ src: guest.ip, dst: stranger.ip }), telnet)),
      ),
    ]),
    of('ping to the web server', packet(stranger, { ...mail, ip: '192.0.2.80' }, icmp())),
    of(
      'ping with another code, to the web server',
      packet(stranger, { ...mail, ip: '192.0.2.80' }, icmp({ code: 9 })),
    ),
  ];
}

function messages6(): Trick[] {
  const of = tricksOf('ICMPv6');
  const quoted = frame(ipv6({ src: mail6.ip, dst: stranger6.ip }), telnet);
  const far = (type: number, hopLimit: number) =>
    packetWith(stranger6, mail6, { hopLimit }, icmp6({ type }), filling(16));
  return [
    ...[
      0, 5, 100, 101, 127, 129, 138, 139, 140, 141, 142, 144, 145, 147, 151, 153, 200, 201, 255,
    ].map((type) => of(`ICMPv6 type ${type}`, v6(icmp6({ type }), filling(16)))),
    ...[1, 2, 3, 4].flatMap((type) => [
      of(
        `an ICMPv6 error, type ${type}, of a connection that is none`,
        v6(icmp6({ type }), quoted),
      ),
      of(`an ICMPv6 error, type ${type}, that quotes nothing`, v6(icmp6({ type }))),
    ]),
    of('a redirect', v6(icmp6({ type: 137 }), filling(32))),
    ...[133, 134, 135, 136].flatMap((type) =>
      [0, 64, 254].map((hops) =>
        of(`neighbour discovery, type ${type}, ${hops} hops away`, far(type, hops)),
      ),
    ),
    ...[130, 131, 132, 143].map((type) =>
      of(
        `multicast listeners, type ${type}, from afar`,
        packetWith(
          stranger6,
          { ...mail6, ip: 'ff02::16' },
          { hopLimit: 64 },
          icmp6({ type }),
          filling(16),
        ),
      ),
    ),
    ...[130, 131, 132, 143].map((type) =>
      of(`multicast listeners, type ${type}, to one host`, v6(icmp6({ type }), filling(16))),
    ),
    of(
      'a router advertisement from inside',
      packet(
        { ...mail6, ip: 'fe80::25' },
        { ...stranger6, ip: 'ff02::1' },
        icmp6({ type: 134 }),
        filling(8),
      ),
    ),
    of(
      'a neighbour from nowhere that advertises',
      link(
        stranger,
        mail.mac,
        ipv6({ src: '::', dst: mail6.ip }),
        neighbour(136, mail6.ip, stranger.mac),
      ),
    ),
    of('ping to the web server', packet(stranger6, { ...mail6, ip: '2001:db8:1::80' }, icmp6())),
  ];
}

export const TRANSPORT: readonly Trick[] = [
  ...flags(),
  ...lengths(),
  ...others(),
  ...messages(),
  ...messages6(),
];
