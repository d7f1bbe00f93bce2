import { addressKey } from '../address.js';
import { Detour } from '../detour.js';
import type { Judgement, Opening } from '../opening.js';
import type { Connection } from './connection.js';
import type { Frame } from './frame.js';
import { isElsewhere, judgeOpening, type World } from './judge.js';
import type { Packet } from './packet.js';

/** A connection that a helper has read of in another one. */
export interface Expected {
  /** 16 bytes; null: from anywhere. */
  readonly source: Uint8Array | null;
  readonly destination: Uint8Array;
  /** Null: from any port. */
  readonly sourcePort: number | null;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly tags: readonly [number, number];
  /** Jiffies. */
  readonly until: number;
  /** Key of the connection in which it was announced. */
  readonly master: string;
}

/** What helpers expect. The first that comes takes it, by its port. */
export class Expectations {
  readonly #all = new Map<string, { readonly expected: Expected; takenBy: number | null }>();

  add(expected: Expected): void {
    this.#all.set(keyOf(expected), { expected, takenBy: null });
  }

  /** The one that holds a packet: by its port and source, by its source, or from anywhere. */
  find({ tags }: Frame, { source, destination, protocol, transport }: Packet, now: number) {
    if (transport?.kind !== 'tcp' && transport?.kind !== 'udp') return null;
    const { sourcePort, destinationPort } = transport;
    const ends = { destination, destinationPort, protocol, tags };
    const keys = [
      { ...ends, source, sourcePort },
      { ...ends, source, sourcePort: null },
      { ...ends, source: null, sourcePort: null },
    ].map(keyOf);
    for (const key of keys) {
      const found = this.#all.get(key);
      if (found === undefined || found.expected.until <= now) continue;
      if (found.takenBy === null || found.takenBy === sourcePort) {
        const take = () => {
          found.takenBy = sourcePort;
        };
        return { master: found.expected.master, take };
      }
    }
    return null;
  }
}

function keyOf(
  e: Pick<
    Expected,
    'source' | 'destination' | 'sourcePort' | 'destinationPort' | 'protocol' | 'tags'
  >,
): string {
  const source = e.source === null ? 'any' : addressKey(e.source);
  const ports = [e.sourcePort ?? 'any', e.destinationPort];
  return [source, addressKey(e.destination), ...ports, e.protocol, ...e.tags].join(' ');
}

/** What the policy says of a connection that is there: of one that a helper expected, for its master's sake. */
export function judgeConnection(world: World, { opening, master }: Connection): Judgement {
  const judgement = judgeOpening(world, opening);
  if (judgement.verdict === 'accept' || master === null) return judgement;
  return judgeByMaster(world, judgement, opening, master);
}

/** The same for a connection that lacks a rule of its own. */
export function judgeByMaster(
  world: World,
  lack: Judgement,
  opening: Opening,
  master: Connection['opening'],
): Judgement {
  if (!['no-out', 'no-in', 'not-screened'].includes(lack.reason)) return lack;
  if (isElsewhere(world, opening)) return lack;
  const judgement = judgeOpening(world, master);
  if (judgement.verdict === 'drop') return judgement;
  if ((judgement.detour & Detour.HELPER) === 0) return lack;
  return { ...judgement, detour: judgement.detour & ~Detour.HELPER };
}
