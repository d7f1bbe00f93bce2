import { addressKey } from '../address.js';
import type { Judgement } from '../opening.js';
import type { Frame } from './frame.js';
import type { Packet } from './packet.js';
import { plus } from './sequence.js';
import { FIN, SYN } from './tcp.js';

/** Seconds after its first fragment in which a datagram has to be whole. */
const LIFE = 5;

/** Bytes of a datagram that have come, in units of 8: from, and one past. */
type Run = readonly [from: number, to: number];

interface Datagram {
  /** One after the other, with room between them; the first begins at 0. */
  runs: readonly Run[];
  /** The last fragment is among them. */
  ends: boolean;
  spoilt: boolean;
  readonly fromUplink: boolean;
  readonly epoch: number;
  readonly born: number;
  readonly passing: Passing;
  readonly segment: FirstPart | null;
}

/** How the fragments of a datagram pass. */
export interface Passing {
  readonly rules: Judgement['rules'];
  readonly detour: number;
}

/** What the first fragment of a TCP segment tells of the segment. */
export interface FirstPart {
  /** Key of its connection. */
  readonly key: string;
  /** Number that the datagram's first byte would have, had the header some. */
  readonly base: number;
  readonly fin: boolean;
}

/** Whether data up to a number, and then perhaps a FIN, may come; it then counts as sent. */
export type Send = (
  segment: FirstPart,
  end: number,
  last: boolean,
) => 'none' | 'out-of-window' | 'fragment';

/** Under what a fragment came. */
export interface Circumstances {
  readonly fromUplink: boolean;
  readonly epoch: number;
  /** Jiffies. */
  readonly now: number;
}

/** Passing: it follows a first fragment that was accepted. */
export type FragmentDecision =
  | 'judge'
  | 'fragment'
  | 'fragment-overlap'
  | 'out-of-window'
  | Passing;

/** Datagrams whose first fragment was accepted. */
export class Fragments {
  readonly #datagrams = new Map<string, Datagram>();
  readonly #life: number;

  /** @param hz jiffies per second */
  constructor(hz: number) {
    this.#life = LIFE * hz;
  }

  /** What becomes of a fragment; 'judge': it is the first, and to be judged like a packet. */
  receive(
    frame: Frame,
    packet: Packet,
    isError: boolean,
    circumstances: Circumstances,
    send: Send,
  ): FragmentDecision {
    const { offset, ill } = packet.fragment!;
    const datagram = this.#find(frame, packet, circumstances);
    if (offset > 0) {
      if (datagram === null || ill) return 'fragment';
      return this.#follow(datagram, packet, send);
    }
    if (datagram !== null && !isComplete(datagram)) {
      datagram.spoilt = true;
      return 'fragment-overlap';
    }
    return packet.whole && !ill && !isError ? 'judge' : 'fragment';
  }

  /** A first fragment was accepted. */
  remember(
    frame: Frame,
    packet: Packet,
    { rules, detour }: Passing,
    { now, ...where }: Circumstances,
    key: string | null,
  ): void {
    const runs: Run[] = [[0, packet.fragment!.length / 8]];
    const passing = { rules, detour };
    const segment = key === null ? null : firstPart(packet, key);
    const datagram = { runs, ends: false, spoilt: false, born: now, passing, segment, ...where };
    this.#datagrams.set(datagramKey(frame, packet), datagram);
  }

  #find(frame: Frame, packet: Packet, { now, epoch, fromUplink }: Circumstances): Datagram | null {
    const found = this.#datagrams.get(datagramKey(frame, packet));
    if (found === undefined || now - found.born > this.#life) return null;
    return found.epoch === epoch && found.fromUplink === fromUplink ? found : null;
  }

  #follow(datagram: Datagram, { fragment }: Packet, send: Send): FragmentDecision {
    if (isComplete(datagram)) return 'fragment';
    const { offset, length, more } = fragment!;
    const [from, to]: Run = [offset / 8, Math.ceil((offset + length) / 8)];
    const top = datagram.runs.at(-1)![1];
    const overlaps = datagram.runs.some((run) => from < run[1] && to > run[0]);
    const beyond = datagram.ends && from >= top;
    const notLast = !more && from < top;
    if (datagram.spoilt || overlaps || beyond || notLast) {
      datagram.spoilt = true;
      return 'fragment-overlap';
    }
    const runs = merged([...datagram.runs, [from, to]]);
    // One fragment may overtake another; more disorder than that is not kept book of.
    if (runs.length > 2) return 'fragment';
    if (datagram.segment !== null) {
      const sent = send(datagram.segment, plus(datagram.segment.base, offset + length), !more);
      if (sent !== 'none') return sent;
    }
    datagram.runs = runs;
    datagram.ends ||= !more;
    return datagram.passing;
  }
}

function isComplete({ runs, ends }: Datagram): boolean {
  return ends && runs.length === 1;
}

function firstPart({ transport, fragment }: Packet, key: string): FirstPart | null {
  if (transport?.kind !== 'tcp') return null;
  const { sequence, flags, length } = transport;
  const header = fragment!.length - length - (transport.flags & SYN ? 1 : 0);
  return { key, base: plus(sequence, -header), fin: (flags & FIN) !== 0 };
}

/** Runs in their order, those that touch made one. */
function merged(runs: readonly Run[]): Run[] {
  const result: Run[] = [];
  for (const run of [...runs].sort((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before !== undefined && before[1] === run[0]) result.splice(-1, 1, [before[0], run[1]]);
    else result.push(run);
  }
  return result;
}

/** The next header of IPv6 fragments is that of the first, and tells nothing before. */
function datagramKey({ tags }: Frame, { family, source, destination, protocol, fragment }: Packet) {
  const ends = [addressKey(source), addressKey(destination)];
  return [family, ...tags, ...ends, fragment!.id, family === 4 ? protocol : 0].join(' ');
}
