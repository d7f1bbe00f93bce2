/** Addresses that lie: inside ones from the uplink, both ends the same, those that cannot be. */
import { icmp, icmp6, type Layer, sctp, tcp, udp } from '../../packet/index.js';
import {
  admin,
  at,
  auth,
  type Endpoint,
  guest,
  mail,
  mail6,
  packet,
  partner,
  partner6,
  stranger,
  stranger6,
  tagged,
  www,
  www6,
} from '../fixtures/actors.js';
import { smtp, snmp, type Trick, telnet, tricksOf } from './trick.js';

const http = tcp({ sport: 40000, dport: 80 });
const answer = tcp({ sport: 25, dport: 40000, flags: 'SA', ack: 1 });
const SPOKEN: readonly { what: string; layer: Layer }[] = [
  { what: 'TCP', layer: http },
  { what: 'the second half of a handshake', layer: answer },
  { what: 'a reset', layer: tcp({ sport: 25, dport: 40000, flags: 'R' }) },
  { what: 'UDP', layer: udp({ sport: 53, dport: 443 }) },
  { what: 'SCTP', layer: sctp({ sport: 5, dport: 80, chunks: [1] }) },
];

function spoofed(): Trick[] {
  const of = tricksOf('inside addresses from the uplink');
  const cases: readonly [string, Endpoint, Endpoint][] = [
    ['the mail server to the web server', at(stranger, mail.ip), www],
    ['the mail server to a stranger', at(stranger, mail.ip), partner],
    ['the web server to the mail server', at(stranger, www.ip), mail],
    ['the mail server, behind another uplink', at(admin, mail.ip), www],
    ['the mail server, in a VLAN', tagged(at(stranger, mail.ip), 10), www],
    ['the mail server to the web server, IPv6', at(stranger6, mail6.ip), www6],
    ['the mail server to a stranger, IPv6', at(stranger6, mail6.ip), partner6],
    ['the web server to the mail server, IPv6', at(stranger6, www6.ip), mail6],
  ];
  return cases.flatMap(([what, from, to]) => [
    ...SPOKEN.map((said) => of(`${what}: ${said.what}`, packet(from, to, said.layer))),
    of(`${what}: ping`, packet(from, to, from.ip.includes(':') ? icmp6() : icmp())),
  ]);
}

function land(): Trick[] {
  const of = tricksOf('land');
  const ends: readonly [string, Endpoint, Endpoint][] = [
    ['from the uplink', at(stranger, mail.ip), mail],
    ['from inside', mail, www],
    ['from the uplink, IPv6', at(stranger6, mail6.ip), mail6],
    ['from inside, IPv6', mail6, www6],
  ];
  return ends.flatMap(([what, from, mac]) => {
    const to = { ...mac, ip: from.ip };
    return [
      of(`TCP ${what}, both ports the same`, packet(from, to, tcp({ sport: 25, dport: 25 }))),
      of(`TCP ${what}`, packet(from, to, smtp)),
      of(`UDP ${what}: echo against chargen`, packet(from, to, udp({ sport: 19, dport: 7 }))),
      of(`ping ${what}`, packet(from, to, from.ip.includes(':') ? icmp6() : icmp())),
    ];
  });
}

const NEVER_4 = [
  ['0.0.0.0', 'nobody'],
  ['0.1.2.3', 'this network'],
  ['127.0.0.1', 'the loopback'],
  ['127.255.255.254', 'the far end of the loopback'],
  ['224.0.0.1', 'all hosts'],
  ['239.255.255.250', 'a multicast group'],
  ['240.0.0.1', 'the class that never was'],
  ['255.255.255.255', 'everybody'],
] as const;

const NEVER_6 = [
  ['::', 'nobody'],
  ['::1', 'the loopback'],
  ['::ffff:203.0.113.5', 'a mapped IPv4 address'],
  ['::ffff:127.0.0.1', 'the mapped loopback'],
  ['::ffff:192.0.2.80', 'a mapped inside address'],
  ['ff02::1', 'all nodes'],
  ['ff05::2', 'all routers of the site'],
  ['ff0e::1234', 'a multicast group of the world'],
] as const;

function sources(): Trick[] {
  const of = tricksOf('sources that cannot be');
  return [
    ...NEVER_4.flatMap(([ip, what]) => [
      of(`SMTP from ${what}, ${ip}`, packet(at(stranger, ip), mail, smtp)),
      of(`QUIC from ${what}, ${ip}`, packet(at(stranger, ip), www, udp({ sport: 9, dport: 443 }))),
    ]),
    ...NEVER_6.flatMap(([ip, what]) => [
      of(`SMTP from ${what}, ${ip}`, packet(at(stranger6, ip), mail6, smtp)),
      of(
        `QUIC from ${what}, ${ip}`,
        packet(at(stranger6, ip), www6, udp({ sport: 9, dport: 443 })),
      ),
    ]),
  ];
}

/** Other ways to write an inside address, and groups that a host listens to. */
const ELSEWHERE_6 = [
  ['::ffff:192.0.2.25', 'the mail server, mapped'],
  ['::192.0.2.25', 'the mail server, IPv4-compatible'],
  ['2002:c000:219::1', 'the mail server by 6to4'],
  ['64:ff9b::c000:219', 'the mail server by NAT64'],
  ['2001:0:c000:219::1', 'the mail server by Teredo'],
  ['fe80::5efe:c000:219', 'the mail server by ISATAP'],
  ['fe80::25', 'its link-local address'],
  ['fec0::25', 'a site-local address'],
  ['::1', 'the loopback'],
  ['::', 'no address'],
  ['ff02::1', 'all nodes'],
  ['ff05::1:3', 'DHCP servers'],
] as const;
const ELSEWHERE_4 = [
  ['127.0.0.1', 'the loopback'],
  ['0.0.0.0', 'the old broadcast'],
  ['0.0.0.25', 'this network'],
  ['255.255.255.255', 'everybody'],
  ['192.0.2.255', 'everybody in its network'],
  ['224.0.0.1', 'all hosts'],
  ['240.0.0.25', 'the class that never was'],
  ['198.18.0.99', 'a host behind the wall that nobody screens'],
] as const;

function destinations(): Trick[] {
  const of = tricksOf('other names for a destination');
  return [
    ...ELSEWHERE_4.flatMap(([ip, what]) => [
      of(`telnet to ${what}, ${ip}`, packet(stranger, at(mail, ip), telnet)),
      of(`SNMP to ${what}, ${ip}`, packet(stranger, at(mail, ip), snmp, 'get everything')),
    ]),
    ...ELSEWHERE_6.flatMap(([ip, what]) => [
      of(`SMTP to ${what}, ${ip}`, packet(stranger6, at(mail6, ip), smtp)),
      of(`SNMP to ${what}, ${ip}`, packet(stranger6, at(mail6, ip), snmp, 'get everything')),
    ]),
  ];
}

/** From behind the wall: what screened hosts may not do, and what nobody screens. */
function outwards(): Trick[] {
  const of = tricksOf('from inside');
  return [
    of('the mail server speaks telnet', packet(mail, stranger, telnet)),
    of('the mail server sends mail itself', packet(mail, stranger, smtp)),
    of('the mail server speaks telnet, IPv6', packet(mail6, stranger6, telnet)),
    of('the web server asks for a name', packet(www, stranger, udp({ sport: 5, dport: 53 }))),
    of(
      'the web server asks for a name, IPv6',
      packet(www6, stranger6, udp({ sport: 5, dport: 53 })),
    ),
    of('the web server pings', packet(www, stranger, icmp())),
    of(
      'an answer that nobody asked for',
      packet(www, stranger, tcp({ sport: 80, dport: 9, flags: 'SA' })),
    ),
    of('a host that nobody screens', packet(guest, stranger, smtp)),
    of('one screened host to another', packet(mail, auth, telnet)),
    of('a screened host to one that is not', packet(www, guest, http)),
    of(
      'a stranger to a stranger, through the wall',
      packet(partner, at(auth, '198.51.100.9'), smtp),
    ),
    of(
      "a stranger's address from inside, to a stranger",
      packet(at(mail, stranger.ip), partner, smtp),
    ),
  ];
}

export const ADDRESSES: readonly Trick[] = [
  ...spoofed(),
  ...land(),
  ...sources(),
  ...destinations(),
  ...outwards(),
];
