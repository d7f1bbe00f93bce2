/**
 * A TCP connection as somebody in the middle knows it: of each end, what RFC 9293 3.3.1 calls its
 * send and receive variables, as far as its segments told. All that the other end is told passes
 * here first, so what no end could know, no segment may rely on.
 */
import { ahead, between, furthest, plus } from './sequence.js';
import { ACK, FIN, kindOf, SYN, type TcpPhase, type TcpStep, takeByPhase } from './tcp.js';

/** A segment's header, and how much it carries. */
export interface Segment {
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** As it stands in the header. */
  readonly window: number;
  /** Bytes of payload. */
  readonly length: number;
  /** Of its options: shift of the window scale, at most 14, or null. */
  readonly scale: number | null;
  readonly sackPermitted: boolean;
  /** Right edges of SACK blocks. */
  readonly sackEdges: readonly number[];
}

/** One end. */
export interface End {
  /** SND.NXT: one past the furthest that it sent. */
  sent: number;
  /** Right edge of the window that the other end offered it. */
  allowed: number;
  /** Widest window that it ever offered. */
  offered: number;
  /** RCV.NXT, as far as it acknowledged; at first what follows the SYN of the other end. */
  expects: number;
  /** Null: its SYN offered no scaling. */
  readonly scale: number | null;
  readonly sack: boolean;
}

/** A segment of which nothing is known. */
export const NO_SEGMENT: Segment = {
  flags: 0,
  ...{ sequence: 0, acknowledgement: 0, window: 0, length: 0 },
  ...{ scale: null, sackPermitted: false, sackEdges: [] },
};

/** Delayed duplicates may be so far behind, at least. */
export const LATE = 66_000;

export class TcpConversation {
  phase: TcpPhase = 'syn-sent';
  #opener: End;
  #server: End | null = null;
  /** What follows the opener's SYN. */
  #firstOfOpener: number;
  /** Number of an acknowledgement that came instead of an answer to the SYN; at first, its end. */
  #challenge: number;
  /** Did the server send the first FIN? */
  #serverClosed = false;

  /** @param syn the segment that opens it */
  constructor(syn: Segment) {
    this.#opener = endOf(syn);
    this.#firstOfOpener = plus(syn.sequence, 1);
    this.#challenge = this.#opener.sent;
  }

  /**
   * One whose handshake nobody saw.
   * @param serverClosed did the server close first, if any did?
   */
  static pickedUp(ends: [opener: End, server: End], phase: TcpPhase, serverClosed: boolean) {
    const conversation = new TcpConversation(NO_SEGMENT);
    [conversation.#opener, conversation.#server] = ends;
    conversation.phase = phase;
    conversation.#serverClosed = serverClosed;
    return conversation;
  }

  /** A copy that goes its own way. */
  clone(): TcpConversation {
    const copy = new TcpConversation(NO_SEGMENT);
    copy.phase = this.phase;
    copy.#opener = { ...this.#opener };
    copy.#server = this.#server === null ? null : { ...this.#server };
    copy.#firstOfOpener = this.#firstOfOpener;
    copy.#challenge = this.#challenge;
    copy.#serverClosed = this.#serverClosed;
    return copy;
  }

  /** Takes a segment of either end; returns how, and moves on if it is one of the connection. */
  take(segment: Segment, reply: boolean): TcpPhase | TcpStep {
    const take = takeByPhase(this.phase, segment.flags, reply);
    if (this.phase === 'syn-sent' && reply && take === 'ignore') {
      this.#challenge = segment.acknowledgement;
    }
    if (take !== 'go') return take;
    const step = this.#step(segment, reply);
    if (step === 'invalid' || step === 'out' || step === 'ignore' || step === 'new') return step;
    this.phase = step;
    return step;
  }

  /** Has an end sent this number, not so long ago that nobody would speak of it any more? */
  hasSent(sequence: number, reply: boolean): boolean {
    const [sender, receiver] = this.#ends(reply);
    if (sender === null) return false;
    const first = reply ? this.#opener.expects : this.#firstOfOpener;
    const reach = receiver === null ? ahead(sender.sent, first) + 1 : receiver.offered;
    return between(plus(sender.sent, -reach), sequence, sender.sent);
  }

  /** A later fragment of a segment: data up to `end`, and a FIN behind it. False: out of window. */
  sendTail(end: number, fin: boolean, reply: boolean): boolean {
    const [sender] = this.#ends(reply) as [End, End];
    if (ahead(end, furthest(sender.allowed, sender.sent)) > 0) return false;
    sender.sent = furthest(sender.sent, fin ? plus(end, 1) : end);
    return true;
  }

  #step(segment: Segment, reply: boolean): TcpPhase | TcpStep {
    switch (kindOf(segment.flags)) {
      case 'rst':
        return this.#reset(segment, reply);
      case 'syn':
        return this.#synchronize(segment, reply);
      case 'synack':
        return this.#answer(segment, reply);
      default:
        return this.#exchange(segment, reply);
    }
  }

  /** Was it opened by a SYN like this one? */
  beganWith(syn: Segment): boolean {
    return this.#firstOfOpener === plus(syn.sequence, 1);
  }

  /** A SYN of the opener, or of both at the same time (RFC 9293 3.5, figure 7). */
  #synchronize(syn: Segment, reply: boolean): TcpPhase | TcpStep {
    if (this.phase === 'time-wait') {
      const end = reply ? this.#server! : this.#opener;
      if (ahead(syn.sequence, end.sent) > 0) return 'new';
      return reply ? 'out' : 'ignore';
    }
    if (reply) {
      this.#beginServer(syn);
      return 'syn-sent2';
    }
    if (this.beganWith(syn)) {
      this.#opener.sent = furthest(this.#opener.sent, endNumber(syn));
      return this.phase;
    }
    const server = this.#server;
    const before = this.#opener;
    this.#opener = { ...endOf(syn), expects: before.expects };
    this.#firstOfOpener = plus(syn.sequence, 1);
    this.#challenge = this.#opener.sent;
    if (server !== null) {
      server.expects = this.#firstOfOpener;
      server.allowed = plus(before.expects, this.#opener.offered);
      this.#opener.allowed = plus(this.#firstOfOpener, server.offered);
    }
    return this.phase;
  }

  #beginServer(segment: Segment): void {
    const first = plus(segment.sequence, 1);
    const server = this.#server;
    if (server !== null && this.#opener.expects === first && !(segment.flags & ACK)) {
      server.sent = furthest(server.sent, endNumber(segment));
      return;
    }
    const answers = (segment.flags & ACK) !== 0;
    const expects = server?.expects ?? this.#firstOfOpener;
    const fresh = endOf(segment);
    fresh.expects = answers ? segment.acknowledgement : expects;
    fresh.allowed = plus(first, this.#opener.offered);
    this.#opener.expects = first;
    this.#opener.allowed = plus(fresh.expects, fresh.offered);
    this.#server = fresh;
  }

  /** A SYN-ACK: who sends it has seen the SYN of the other end. */
  #answer(segment: Segment, reply: boolean): TcpPhase | TcpStep {
    const opening = ['syn-sent', 'syn-sent2', 'syn-recv'].includes(this.phase);
    if (!opening) {
      if (this.#server === null) return 'out';
      return this.#fits(segment, reply) === 'out' ? 'out' : 'ignore';
    }
    const [sender, receiver] = this.#ends(reply);
    const expects = sender?.expects ?? this.#firstOfOpener;
    if (!between(expects, segment.acknowledgement, receiver!.sent)) return 'out';
    if (this.#acknowledgesUnsent(segment, reply)) return 'out';
    const again = sender !== null && receiver!.expects === plus(segment.sequence, 1);
    if (again) this.#advance(segment, reply);
    else if (reply) this.#beginServer(segment);
    else return 'out';
    return 'syn-recv';
  }

  /** RFC 9293 3.10.7.3, RFC 5961 3.2. */
  #reset(segment: Segment, reply: boolean): TcpPhase | TcpStep {
    const { sequence, acknowledgement, flags } = segment;
    const acknowledges = (flags & ACK) !== 0;
    const [sender, receiver] = this.#ends(reply);
    const opening = ['syn-sent', 'syn-sent2', 'syn-recv'].includes(this.phase);
    if (reply && acknowledges && (sender === null || (opening && sequence === 0))) {
      const expects = sender?.expects ?? this.#firstOfOpener;
      const answers = between(expects, acknowledgement, receiver!.sent);
      if (answers && !this.#acknowledgesUnsent(segment, reply)) return 'close';
    }
    if (sender === null) return 'out';
    if (receiver === null) {
      const mine = sequence === sender.sent;
      if (this.phase === 'close') return mine ? 'close' : 'out';
      if (acknowledges && acknowledgement !== 0) return 'out';
      if (mine || sequence === this.#firstOfOpener) return 'close';
      return sequence === this.#challenge ? 'ignore' : 'out';
    }
    const numbered = acknowledges && acknowledgement !== 0;
    if (numbered && this.#acknowledgesUnsent(segment, reply)) return 'out';
    if (sequence === sender.sent || sequence === receiver.expects) return 'close';
    const edge = furthest(sender.allowed, sender.sent);
    // Of one that is over: the number of something that came late.
    const over = !acknowledges && (this.phase === 'time-wait' || this.phase === 'close');
    const late = over ? Math.max(LATE, receiver.offered) : 0;
    return between(plus(receiver.expects, -late), sequence, edge) ? 'ignore' : 'out';
  }

  /** Data, acknowledgements, FIN. */
  #exchange(segment: Segment, reply: boolean): TcpPhase | TcpStep {
    const [sender, receiver] = this.#ends(reply);
    // Of a connection that was refused, nothing but more refusals can come.
    if (sender === null || receiver === null) return 'out';
    const fits = this.#fits(segment, reply);
    if (fits === 'out') return 'out';
    if (this.phase === 'syn-recv' && !reply) {
      // Its answer to the SYN-ACK: only who saw that one knows the number.
      const answers = ahead(segment.acknowledgement, sender.expects) >= 0;
      const keepAlive = plus(receiver.expects, -1);
      if (!answers || ahead(segment.sequence, keepAlive) < 0) return 'out';
    }
    if (fits === 'ignore') return 'ignore';
    this.#advance(segment, reply);
    return this.#phaseAfter(segment, sender, receiver, reply);
  }

  #phaseAfter(segment: Segment, sender: End, receiver: End, reply: boolean): TcpPhase {
    const fin = (segment.flags & FIN) !== 0;
    const acknowledged = (of: End, by: End) => ahead(by.expects, of.sent) >= 0;
    switch (this.phase) {
      case 'syn-recv':
        if (reply) return 'syn-recv';
        if (fin) this.#serverClosed = reply;
        return fin ? 'fin-wait' : 'established';
      case 'established':
        if (fin) this.#serverClosed = reply;
        return fin ? 'fin-wait' : 'established';
      case 'fin-wait':
      case 'close-wait':
        if (reply === this.#serverClosed) return this.phase;
        if (fin) return 'last-ack';
        return ahead(segment.acknowledgement, receiver.sent) >= 0 ? 'close-wait' : this.phase;
      case 'last-ack':
        return acknowledged(sender, receiver) && acknowledged(receiver, sender)
          ? 'time-wait'
          : 'last-ack';
      default:
        return this.phase;
    }
  }

  /** May the segment be one of this connection? `ignore`: it was, long ago. */
  #fits(segment: Segment, reply: boolean): 'yes' | 'ignore' | 'out' {
    const [sender, receiver] = this.#ends(reply) as [End, End];
    const end = endNumber(segment);
    const data = segment.flags & FIN ? plus(end, -1) : end;
    if (ahead(data, furthest(sender.allowed, sender.sent)) > 0) return 'out';
    if (this.#acknowledgesUnsent(segment, reply)) return 'out';
    // RFC 5961 5.2: from SND.UNA of the receiver, as far as this end has moved it.
    const behind = ahead(sender.expects, segment.acknowledgement);
    if (behind > Math.max(LATE, sender.offered)) return 'out';
    const stale = plus(receiver.sent, -Math.max(LATE, sender.offered));
    if (ahead(end, plus(sender.sent, -receiver.offered)) >= 0) {
      return ahead(segment.acknowledgement, stale) < 0 ? 'ignore' : 'yes';
    }
    const latest = plus(receiver.expects, -Math.max(LATE, receiver.offered));
    return ahead(end, latest) < 0 ? 'out' : 'ignore';
  }

  #advance(segment: Segment, reply: boolean): void {
    const [sender, receiver] = this.#ends(reply) as [End, End];
    const offered = this.#bytesOffered(segment, reply);
    sender.sent = furthest(sender.sent, endNumber(segment));
    sender.offered = Math.max(sender.offered, offered);
    sender.expects = furthest(sender.expects, segment.acknowledgement);
    receiver.allowed = furthest(receiver.allowed, plus(segment.acknowledgement, offered));
  }

  /** At least one byte: a window that is closed is probed with one (RFC 9293 3.8.6.1). */
  #bytesOffered({ window, flags }: Segment, reply: boolean): number {
    const scales = [this.#opener.scale, this.#server === null ? 0 : this.#server.scale];
    const scaled = !(flags & SYN) && !scales.includes(null);
    const shift = scaled ? scales[reply ? 1 : 0]! : 0;
    return Math.max(1, window * 2 ** shift);
  }

  /** Nobody has sent what it acknowledges, be it by a SACK block; if those were permitted. */
  #acknowledgesUnsent({ acknowledgement, sackEdges }: Segment, reply: boolean): boolean {
    const receiver = this.#ends(reply)[1]!;
    if (ahead(receiver.sent, acknowledgement) < 0) return true;
    if (!receiver.sack) return false;
    const beyond = sackEdges.map((edge) => ahead(edge, acknowledgement));
    return ahead(plus(acknowledgement, Math.max(0, ...beyond)), receiver.sent) > 0;
  }

  #ends(reply: boolean): [sender: End | null, receiver: End | null] {
    return reply ? [this.#server, this.#opener] : [this.#opener, this.#server];
  }
}

/** One past the last number that a segment occupies. */
function endNumber({ flags, sequence, length }: Segment): number {
  return plus(sequence, length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0));
}

/** An end, as its SYN makes it known. */
function endOf(syn: Segment): End {
  return {
    sent: endNumber(syn),
    allowed: endNumber(syn),
    offered: Math.max(1, syn.window),
    expects: 0,
    scale: syn.scale,
    sack: syn.sackPermitted,
  };
}
