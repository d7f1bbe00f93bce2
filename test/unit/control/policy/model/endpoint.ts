/**
 * One end of a TCP connection after RFC 9293, as far as numbers go: it sends what the window allows,
 * in pieces as they come, repeats what is not acknowledged, keeps what comes out of order, closes when
 * it has sent all, and reads at its leisure. What bytes it carries does not matter.
 */
import { ACK, FIN, SYN } from '../../../../../src/control/policy/model/tcp.js';
import type { Segment } from '../../../../../src/control/policy/model/tcp-conversation.js';
import type { Random } from '../../../../dataplane/fuzz/random.js';

const MSS = 1460;

export interface EndOptions {
  readonly isn: number;
  /** Bytes that it has to send. */
  readonly bytes: number;
  /** Bytes that it keeps for its reader. */
  readonly buffer: number;
  /** Shift that it offers, or null. */
  readonly scale: number | null;
  readonly sack: boolean;
  readonly opens: boolean;
}

/** Positions count from the end's own SYN, which is 0; data begins at 1. */
export class Endpoint {
  readonly #o: EndOptions;
  readonly #random: Random;
  #peerIsn: number | null = null;
  #established = false;
  #una = 0;
  #nxt = 0;
  /** Right edge of what the peer takes, and when it was told so. */
  #edge = 0;
  #edgeFrom = -1;
  #got = 0;
  #read = 0;
  #advertised = 0;
  #ahead: [from: number, to: number][] = [];
  #peerEnd = Number.POSITIVE_INFINITY;
  #peerScale: number | null = null;
  #sackAgreed = false;
  #owesAck = false;

  constructor(o: EndOptions, random: Random) {
    this.#o = o;
    this.#random = random;
  }

  get #end(): number {
    return 1 + this.#o.bytes;
  }

  /** Everything was sent and acknowledged, everything of the peer's was received. */
  get done(): boolean {
    return this.#una === this.#end + 1 && this.#got > this.#peerEnd;
  }

  get established(): boolean {
    return this.#established;
  }

  /** Time passes: what it sends now. */
  tick(): Segment[] {
    const random = this.#random;
    if (this.#got > this.#read) this.#read += random.below(this.#got - this.#read + 1);
    if (!this.#established) {
      const server = this.#peerIsn !== null;
      return (this.#o.opens || server) && random.oneIn(3) ? [this.#syn()] : [];
    }
    const out: Segment[] = [];
    while (this.#nxt < this.#end && this.#nxt < this.#edge && random.oneIn(2)) {
      const room = Math.min(MSS, this.#end - this.#nxt, this.#edge - this.#nxt);
      out.push(this.#data(this.#nxt, random.between(1, room)));
    }
    if (this.#nxt === this.#end && (this.#nxt < this.#edge || random.oneIn(4))) {
      out.push(this.#data(this.#nxt, 0));
    }
    if (this.#una < this.#nxt && random.oneIn(4)) out.push(this.#repeat());
    if (this.#edge <= this.#nxt && this.#una === this.#nxt && this.#nxt < this.#end) {
      if (random.oneIn(4)) out.push(this.#data(this.#nxt, 1));
    }
    if (this.#una === this.#nxt && random.oneIn(10)) {
      const old = { ...this.#segment(ACK, this.#nxt - 1, random.below(2)) };
      out.push(old);
    }
    if (this.#owesAck || random.oneIn(10)) out.push(this.#segment(ACK, this.#nxt, 0));
    this.#owesAck = false;
    return out;
  }

  #repeat(): Segment {
    const left = Math.min(this.#nxt, this.#end) - this.#una;
    return this.#data(this.#una, left <= 0 ? 0 : this.#random.between(1, Math.min(MSS, left)));
  }

  /** Data from a position, with the FIN if it goes to the end. */
  #data(from: number, length: number): Segment {
    const last = from + length === this.#end;
    this.#nxt = Math.max(this.#nxt, from + length + (last ? 1 : 0));
    return this.#segment(last ? ACK | FIN : ACK, from, length);
  }

  #syn(): Segment {
    this.#nxt = Math.max(this.#nxt, 1);
    const answer = this.#peerIsn !== null;
    const { scale } = this.#o;
    return {
      ...this.#segment(answer ? SYN | ACK : SYN, 0, 0),
      scale: answer && this.#peerScale === null ? null : scale,
      sackPermitted: this.#o.sack && (!answer || this.#sackAgreed),
    };
  }

  #segment(flags: number, from: number, length: number): Segment {
    const { buffer, isn, scale } = this.#o;
    const shift = flags & SYN || this.#peerScale === null ? 0 : (scale ?? 0);
    const room = Math.max(buffer - (this.#got - this.#read), this.#advertised - this.#got, 0);
    const window = Math.min(65_535, Math.floor(room / 2 ** shift));
    this.#advertised = Math.max(this.#advertised, this.#got + window * 2 ** shift);
    const acknowledges = (flags & ACK) !== 0;
    return {
      flags,
      sequence: (isn + from) >>> 0,
      acknowledgement: acknowledges ? (this.#peerIsn! + this.#got) >>> 0 : 0,
      window,
      length,
      scale: null,
      sackPermitted: false,
      sackEdges:
        this.#sackAgreed && acknowledges
          ? this.#ahead.slice(-3).map(([, to]) => (this.#peerIsn! + to) >>> 0)
          : [],
    };
  }

  /** Would a segment tell it nothing new: all of it was received, and all it acknowledges known? */
  knows({ sequence, length, flags, acknowledgement }: Segment): boolean {
    if (this.#peerIsn === null) return false;
    const end = this.#position(sequence) + length + (flags & FIN ? 1 : 0);
    const acknowledged = (acknowledgement - (this.#o.isn + this.#una)) | 0;
    return end <= this.#got && (!(flags & ACK) || acknowledged <= 0);
  }

  /** A segment arrives. */
  receive(segment: Segment): void {
    const { flags } = segment;
    if (flags & SYN) this.#receiveSyn(segment);
    if (this.#peerIsn === null || !(flags & ACK)) return;
    this.#receiveAck(segment);
    if (!(flags & SYN) && this.#established) this.#receiveData(segment);
  }

  #receiveSyn({ sequence, scale, sackPermitted, flags }: Segment): void {
    if (this.#peerIsn === null) {
      this.#peerIsn = sequence;
      this.#got = 1;
      this.#read = 1;
      this.#peerScale = this.#o.scale === null ? null : scale;
      this.#sackAgreed = this.#o.sack && sackPermitted;
    }
    this.#owesAck ||= (flags & ACK) !== 0;
  }

  #receiveAck({ acknowledgement, window, flags, sequence }: Segment): void {
    const position = this.#una + ((acknowledgement - (this.#o.isn + this.#una)) | 0);
    if (position > this.#nxt || position < this.#una) return;
    if (position >= 1) this.#established = true;
    this.#una = position;
    const shift = flags & SYN ? 0 : this.#peerScale === null ? 0 : this.#peerScale;
    const from = this.#position(sequence);
    if (from < this.#edgeFrom) return;
    this.#edgeFrom = from;
    this.#edge = Math.max(position + window * 2 ** shift, flags & SYN ? 0 : position);
  }

  #receiveData({ sequence, length, flags }: Segment): void {
    const from = this.#position(sequence);
    const fin = (flags & FIN) !== 0;
    const limit = Math.max(this.#advertised, this.#got);
    const to = Math.min(from + length, limit);
    if (length > 0 || fin) this.#owesAck = true;
    if (from < this.#got && length === 0 && !fin) this.#owesAck = true;
    if (from > limit) return;
    if (fin && from + length <= limit) this.#peerEnd = from + length;
    if (to > this.#got) this.#ahead.push([from, to]);
    this.#ahead.sort(([a], [b]) => a - b);
    for (const [begin, end] of this.#ahead)
      if (begin <= this.#got) this.#got = Math.max(this.#got, end);
    this.#ahead = this.#ahead.filter(([, end]) => end > this.#got);
    if (this.#got === this.#peerEnd) {
      this.#got += 1;
      this.#read = this.#got;
    }
  }

  #position(sequence: number): number {
    return this.#got + ((sequence - (this.#peerIsn! + this.#got)) | 0);
  }
}
