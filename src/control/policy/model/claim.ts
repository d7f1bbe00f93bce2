import { PROTO_ICMP6 } from '../codes.js';
import type { Bytes } from './bytes.js';
import type { Packet } from './packet.js';

/** What ARP and neighbour discovery tell: an address, and the MAC that has it. */
export interface Claim {
  /** 16 bytes. */
  readonly address: Uint8Array;
  /** 6 bytes; zero: they contradict themselves. Null: they name none. */
  readonly mac: Uint8Array | null;
}

const NOBODY = new Uint8Array(6);
const ADVERTISEMENT = 136;
/** By type, the bytes before the options (RFC 4861 4.1 to 4.4). */
const HEADERS: ReadonlyMap<number, number> = new Map([
  [133, 8],
  [134, 16],
  [135, 24],
  [ADVERTISEMENT, 24],
]);
/** Source and target link-layer address. */
const MAC_OPTIONS: ReadonlySet<number> = new Set([1, 2]);
/** Bytes of a message that are looked at. */
const MOST = 64;
/** Of the header that {@link Packet} has read already. */
const ICMP_HEADER = 8;

/** An advertisement speaks of its target, every other message of its source. */
export function claimIn({ protocol, source, fragment, transport }: Packet): Claim | null {
  if (protocol !== PROTO_ICMP6 || transport?.kind !== 'icmp' || fragment !== null) return null;
  const { type, body } = transport;
  const header = HEADERS.get(type);
  if (header === undefined) return null;
  const hasTarget = type === ADVERTISEMENT && body.length >= 16;
  return { address: hasTarget ? body.slice(0, 16) : source, mac: macIn(body, header) };
}

function macIn(body: Bytes, header: number): Uint8Array | null {
  const length = ICMP_HEADER + body.length;
  if (length % 8 !== 0 || length > MOST || length < header) return NOBODY;
  let mac: Uint8Array | null = null;
  for (let rest = body.after(header - ICMP_HEADER); rest.length > 0; ) {
    const size = rest.byte(1) * 8;
    if (size === 0 || size > rest.length) return NOBODY;
    if (MAC_OPTIONS.has(rest.byte(0))) {
      if (size !== 8) return NOBODY;
      const named = rest.slice(2, 6);
      mac = mac === null || same(mac, named) ? named : NOBODY;
    }
    rest = rest.after(size);
  }
  return mac;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
