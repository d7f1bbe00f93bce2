/** What the tricks of the corpus have in common: the policy, who plays them, and what they disguise. */
import { type Layer, tcp, udp } from '../../packet/index.js';
import {
  type Endpoint,
  mail,
  mail6,
  packet,
  packetWith,
  type Sending,
  stranger,
  stranger6,
} from '../fixtures/actors.js';

/** Everyday traffic, and nothing else: whatever a trick disguises, this does not allow. */
export const POLICY = `
apiVersion: bridgewall/v1
hosts:
  mail:
    addresses: [192.0.2.25, "2001:db8:1::25"]
    in:
      25/tcp: {from: any, id: mail-smtp}
      ping: {from: any, id: mail-ping}
    out:
      53/udp: {to: any, id: mail-dns}
  www:
    addresses: [192.0.2.80, "2001:db8:1::80"]
    in:
      80/tcp: {from: any, id: www-http}
      443/udp: {from: any, id: www-quic}
defaults:
  log: {drops: none}
`;

/** One trick: all of its frames, in order. */
export interface Trick {
  readonly technique: string;
  readonly what: string;
  readonly frames: readonly Sending[];
}

export type Piece = Layer | Uint8Array | string;

/** A trick of one frame. */
export function trick(technique: string, what: string, ...frames: Sending[]): Trick {
  return { technique, what, frames };
}

/** The same with the names filled in. */
export function tricksOf(technique: string) {
  return (what: string, ...frames: Sending[]) => trick(technique, what, ...frames);
}

/** To a port of the mail server that is closed to everybody. */
export const telnet = tcp({ sport: 40000, dport: 23 });
export const snmp = udp({ sport: 40000, dport: 161 });
/** To one that is open. */
export const smtp = tcp({ sport: 40000, dport: 25 });

export const v4 = (...layers: Piece[]): Sending => packet(stranger, mail, ...layers);
export const v6 = (...layers: Piece[]): Sending => packet(stranger6, mail6, ...layers);
/** With fields of the IP header that are not as they ought to be. */
export const v4With = (fields: object, ...layers: Piece[]): Sending =>
  packetWith(stranger, mail, fields, ...layers);
export const v6With = (fields: object, ...layers: Piece[]): Sending =>
  packetWith(stranger6, mail6, fields, ...layers);

/** What is to be got past the wall, in words and in frames. */
export const CONTRABAND: readonly { what: string; of: (from?: Endpoint) => Sending }[] = [
  { what: 'telnet', of: (from = stranger) => packet(from, mail, telnet) },
  { what: 'SNMP', of: (from = stranger) => packet(from, mail, snmp, 'get everything') },
  {
    what: 'telnet over IPv6',
    of: (from = stranger) => packet({ ...from, ip: stranger6.ip }, mail6, telnet),
  },
  {
    what: 'SNMP over IPv6',
    of: (from = stranger) => packet({ ...from, ip: stranger6.ip }, mail6, snmp, 'get everything'),
  },
];

/** The frame with other bytes. */
export function altered({ from, frame }: Sending, change: (bytes: Buffer) => Buffer): Sending {
  return { from, frame: change(Buffer.from(frame)) };
}

/** Cut to so many bytes. */
export function cutTo(sending: Sending, length: number): Sending {
  return altered(sending, (bytes) => bytes.subarray(0, length));
}

/** Whole numbers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

export const hex = (number: number): string => `0x${number.toString(16).padStart(4, '0')}`;
