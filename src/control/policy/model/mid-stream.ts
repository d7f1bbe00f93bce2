/**
 * A TCP connection that is found in the middle of its life. Of each end only the last word counts. When
 * a segment speaks of what the other end said last, and that of what this one says, both ends are
 * taken to be in the conversation.
 */
import { ahead, furthest, plus } from './sequence.js';
import { ACK, FIN, RST, SYN, type TcpStep } from './tcp.js';
import { type End, LATE, type Segment, TcpConversation } from './tcp-conversation.js';

/** What one end said last. */
interface Word {
  readonly begin: number;
  /** One past its last number, FIN included. */
  readonly end: number;
  readonly fin: boolean;
  readonly acknowledged: number;
  /** Bytes that it may offer at most: nobody knows the scale. */
  readonly offered: number;
}

const WIDEST_SCALE = 14;
/** Bytes that can be under way. */
const MOST_FLIGHT = 2 ** 26;
const WIDEST = 2 ** 30;

export class MidStream {
  readonly #words: readonly [Word | null, Word | null];

  constructor(words: readonly [Word | null, Word | null] = [null, null]) {
    this.#words = words;
  }

  /** What a segment makes of it; one that its ends have agreed about is a conversation. */
  take(segment: Segment, reply: boolean): TcpStep | MidStream | TcpConversation {
    const { flags, sequence } = segment;
    const other = this.#words[reply ? 0 : 1];
    if (flags & RST) return other?.acknowledged === sequence ? 'ignore' : 'out';
    if (flags & SYN) return flags & ACK ? 'invalid' : 'new';
    const own = wordOf(segment);
    if (other !== null && agree(own, other)) return conversation(own, other, reply);
    return new MidStream(reply ? [other, own] : [own, other]);
  }

  /** Did an end say this number just now? */
  hasSent(sequence: number, reply: boolean): boolean {
    const [own, other] = reply ? [this.#words[1], this.#words[0]] : this.#words;
    if (own === null) return false;
    const reach = other === null ? ahead(own.end, own.begin) + 1 : other.offered;
    const behind = ahead(own.end, sequence);
    return behind >= 0 && behind <= reach;
  }
}

function wordOf({ flags, sequence, acknowledgement, window, length }: Segment): Word {
  const fin = (flags & FIN) !== 0;
  return {
    begin: sequence,
    end: plus(sequence, length + (fin ? 1 : 0)),
    fin,
    acknowledged: acknowledgement,
    offered: Math.max(1, window * 2 ** WIDEST_SCALE),
  };
}

function agree(own: Word, other: Word): boolean {
  return (
    isNear(own.acknowledged, other.end, own.offered) &&
    isNear(own.end, other.acknowledged, other.offered)
  );
}

function isNear(a: number, b: number, offered: number): boolean {
  return Math.abs(ahead(a, b)) <= Math.min(MOST_FLIGHT, Math.max(LATE, offered));
}

function conversation(own: Word, other: Word, reply: boolean): TcpConversation {
  const [opener, server] = reply ? [other, own] : [own, other];
  const closedFirst = other.fin ? !reply : reply;
  const closed = [own, other].filter(({ fin }) => fin).length;
  return TcpConversation.pickedUp(
    [endOf(opener, server), endOf(server, opener)],
    (['established', 'fin-wait', 'last-ack'] as const)[closed]!,
    closedFirst,
  );
}

/** An end may have sent all that the other one offers, unless it said that it is done. */
function endOf(own: Word, other: Word): End {
  const reach = plus(other.acknowledged, own.fin ? 0 : other.offered + LATE);
  const sent = furthest(own.end, reach);
  const room = own.offered + LATE;
  const offered = room > WIDEST * 0.75 ? WIDEST * 1.5 : room * 2;
  return {
    sent,
    allowed: sent,
    offered: other.fin ? own.offered : offered,
    expects: own.acknowledged,
    scale: WIDEST_SCALE,
    sack: false,
  };
}
