/** Ordinary traffic that must pass, so that a wall which drops everything does not look good. */
import {
  destinationOptions,
  filling,
  fragment6,
  hopByHop,
  icmp,
  icmp6,
  neighbour,
  padded,
  pieces,
  tcp,
  udp,
  vlan,
} from '../../packet/index.js';
import {
  announcement,
  mail,
  mail6,
  packet,
  segment,
  stranger,
  stranger6,
  tagged,
  www,
  www6,
} from '../fixtures/actors.js';
import { altered, smtp, type Trick, tricksOf, v4, v4With, v6 } from './trick.js';

const of = tricksOf('control');
const quic = udp({ sport: 40010, dport: 443 });
const wave = (sport: number) => tcp({ sport, dport: 25 });

export const CONTROLS: readonly Trick[] = [
  of('ARP', announcement(stranger), announcement(mail)),
  of('a neighbour is asked for', packet(stranger6, mail6, neighbour(135, mail6.ip, stranger.mac))),
  of(
    'SMTP',
    v4(smtp),
    segment(mail, stranger, 25, 40000, 'SA'),
    segment(stranger, mail, 40000, 25, 'A'),
  ),
  of(
    'SMTP over IPv6',
    v6(smtp),
    segment(mail6, stranger6, 25, 40000, 'SA'),
    segment(stranger6, mail6, 40000, 25, 'A'),
  ),
  of(
    'QUIC',
    packet(stranger, www, quic, 'x'),
    packet(www, stranger, udp({ sport: 443, dport: 40010 }), 'y'),
  ),
  of('QUIC over IPv6', packet(stranger6, www6, quic, 'x')),
  of('ping', packet(stranger, mail, icmp({ id: 5 }), 'ping')),
  of('ping over IPv6', packet(stranger6, mail6, icmp6({ id: 5 }), 'ping')),
  of('SMTP in a VLAN', packet(tagged(stranger, 10), mail, smtp)),
  of('SMTP in QinQ', packet(tagged(stranger, vlan(10, { tpid: 0x88a8 }), 20), mail, smtp)),
  of('SMTP behind IPv4 options', v4With({ options: Buffer.alloc(40, 1) }, wave(40001))),
  of(
    'SMTP behind hop-by-hop and destination options',
    v6(hopByHop(), destinationOptions(), wave(40002)),
  ),
  of('SMTP as an atomic fragment', v6(fragment6(), wave(40003))),
  of(
    'SMTP with padding',
    altered(v4(wave(40004)), (bytes) => padded(bytes)),
  ),
  of(
    'QUIC in fragments',
    ...fragments(packet(stranger, www, udp({ sport: 40011, dport: 443 }), filling(120))),
  ),
  of(
    'QUIC in fragments over IPv6',
    ...fragments(packet(stranger6, www6, udp({ sport: 40012, dport: 443 }), filling(120))),
  ),
  of('a question for a name', packet(mail, stranger, udp({ sport: 40013, dport: 53 }), 'who is')),
];

function fragments({ from, frame }: ReturnType<typeof v4>) {
  return pieces(frame, 32, 77).map((each) => ({ from, frame: each }));
}
