/** TCP sessions as data, and their frames: what both machines are shown. */
import * as layouts from '../../../src/generated/layouts.js';
import { internetChecksum, ipv4Bytes, ipv6Bytes, macBytes } from '../../packet/index.js';
import { mail, mail6, stranger, stranger6 } from '../fixtures/actors.js';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

/** One segment; only how much it carries matters, not what. */
export interface Segment {
  /** It comes from the server. */
  reply: boolean;
  flags: number;
  seq: number;
  ack: number;
  /** As it stands in the header. */
  window: number;
  /** Whole words. */
  options: Uint8Array;
  length: number;
}

export interface Session {
  readonly family: 4 | 6;
  readonly segments: readonly Segment[];
  /** Where it comes from, so that it can be found again. */
  readonly name: string;
}

/** So many have ports of their own, below the bit that native/conntrack.c sets. */
const DISTINCT_SESSIONS = 30_000;
const SERVER_PORT = 25;
const LINK = 14;
const ORDER = 4;
export const MOST_PAYLOAD = 1460;

interface Family {
  readonly heads: readonly [Buffer, Buffer];
  readonly ips: readonly [Buffer, Buffer];
}

/** Link and IP headers of both directions, without lengths. */
const FAMILIES: Readonly<Record<4 | 6, Family>> = {
  4: family(stranger, mail, Buffer.from('450000000001400040060000', 'hex')),
  6: family(stranger6, mail6, Buffer.from('6000000000000640', 'hex')),
};

function family(client: typeof mail, server: typeof mail, start: Buffer): Family {
  const bytes = (ip: string) => (ip.includes(':') ? ipv6Bytes(ip) : ipv4Bytes(ip));
  const ips = [bytes(client.ip), bytes(server.ip)] as const;
  const type = Buffer.from(ips[0].length === 4 ? '0800' : '86dd', 'hex');
  const head = (from: number) => {
    const macs = from === 0 ? [server.mac, client.mac] : [client.mac, server.mac];
    return Buffer.concat([...macs.map(macBytes), type, start, ips[from]!, ips[1 - from]!]);
  };
  return { heads: [head(0), head(1)], ips };
}

/** The key of a session's state. */
function keyOf(session: Session, port: number): Buffer {
  const [client, server] = FAMILIES[session.family].ips.map((ip) =>
    ip.length === 16 ? ip : Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), ip]),
  );
  const clientLow = Buffer.compare(client!, server!) < 0;
  return layouts.stateKey.encode({
    low: { byte: clientLow ? client! : server! },
    high: { byte: clientLow ? server! : client! },
    lowPort: clientLow ? port : SERVER_PORT,
    highPort: clientLow ? SERVER_PORT : port,
    tag: [0, 0],
    proto: 6,
    family: session.family,
    pad: new Uint8Array(2),
  });
}

/** Is the client the higher of the two addresses? */
export function clientIsHigh(session: Session): boolean {
  const [client, server] = FAMILIES[session.family].ips;
  return Buffer.compare(client, server) > 0;
}

/** Orders for native/conntrack.c, one after the other. */
export class Batch {
  readonly #bytes = Buffer.alloc(32 << 20);
  #at = 0;
  #sessions = 0;
  /** Frames so far. */
  frames = 0;
  /** Of every session, its first frame. */
  readonly starts: number[] = [];
  readonly sessions: Session[] = [];

  get full(): boolean {
    return this.#at > this.#bytes.length / 2 || this.#sessions >= DISTINCT_SESSIONS;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  clear(): void {
    this.#at = 0;
    this.#sessions = 0;
    this.frames = 0;
    this.starts.length = 0;
    this.sessions.length = 0;
  }

  add(session: Session): void {
    const port = 1024 + this.#sessions++;
    this.starts.push(this.frames);
    this.sessions.push(session);
    for (const [index, segment] of session.segments.entries()) {
      const length = frameLength(session, segment);
      this.#bytes.writeUInt16LE(length, this.#at);
      this.#bytes.writeUInt8(segment.reply ? 1 : 0, this.#at + 2);
      this.#bytes.writeUInt8(index === 0 ? 1 : 0, this.#at + 3);
      this.#at += ORDER;
      if (index === 0) this.#at += keyOf(session, port).copy(this.#bytes, this.#at);
      write(this.#bytes, this.#at, session, segment, port);
      this.#at += length;
      this.frames += 1;
    }
  }
}

function frameLength({ family }: Session, { options, length }: Segment): number {
  return LINK + (family === 4 ? 20 : 40) + 20 + options.length + length;
}

function write(to: Buffer, at: number, session: Session, segment: Segment, port: number): void {
  const head = FAMILIES[session.family].heads[segment.reply ? 1 : 0]!;
  const ip = at + LINK;
  const tcp = at + head.length;
  head.copy(to, at);
  const above = 20 + segment.options.length + segment.length;
  if (session.family === 4) {
    to.writeUInt16BE(20 + above, ip + 2);
    to.writeUInt16BE(0, ip + 10);
    to.writeUInt16BE(internetChecksum(to.subarray(ip, ip + 20)), ip + 10);
  } else {
    to.writeUInt16BE(above, ip + 4);
  }
  to.writeUInt16BE(segment.reply ? SERVER_PORT : port, tcp);
  to.writeUInt16BE(segment.reply ? port : SERVER_PORT, tcp + 2);
  to.writeUInt32BE(segment.seq, tcp + 4);
  to.writeUInt32BE(segment.ack, tcp + 8);
  to.writeUInt8((5 + segment.options.length / 4) << 4, tcp + 12);
  to.writeUInt8(segment.flags, tcp + 13);
  to.writeUInt16BE(segment.window, tcp + 14);
  to.writeUInt32BE(0, tcp + 16);
  to.set(segment.options, tcp + 20);
  to.fill(0, tcp + 20 + segment.options.length, at + frameLength(session, segment));
}
