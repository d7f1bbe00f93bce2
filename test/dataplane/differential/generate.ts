/** Sessions as two stacks would have them: short ones by script, longer ones by two simulated ends. */
import type { Segment as Told } from '../../../src/control/policy/model/index.js';
import { Talk } from '../../unit/control/policy/model/talk.js';
import type { Random } from '../fuzz/random.js';
import { ACK, FIN, PSH, RST, type Segment, type Session, SYN } from './session.js';

/** Of one option of a kind or none, padded to whole words. */
export function options(...bytes: number[]): Uint8Array {
  return Uint8Array.from({ length: Math.ceil(bytes.length / 4) * 4 }, (_, at) => bytes[at] ?? 1);
}

export function sackOption(blocks: readonly (readonly [number, number])[]): Uint8Array {
  const option = Buffer.alloc(4 + 8 * blocks.length, 1);
  option.set([5, 2 + 8 * blocks.length], 2);
  for (const [at, [left, right]] of blocks.entries()) {
    option.writeUInt32BE(left >>> 0, 4 + 8 * at);
    option.writeUInt32BE(right >>> 0, 8 + 8 * at);
  }
  return option;
}

interface End {
  isn: number;
  next: number;
  /** What the SYN offers; null: no scaling. */
  readonly shift: number | null;
  readonly sack: boolean;
  window: number;
}

/** Writes down who says what next; numbers follow, unless told otherwise. */
export class Script {
  readonly segments: Segment[] = [];
  readonly ends: readonly [End, End];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    this.ends = [this.#end(), this.#end()];
  }

  #end(): End {
    const random = this.#random;
    const isn = random.pick([random.bits(), random.bits(), 0xffff_ff00, 0x7fff_ff80, 0]);
    return {
      isn,
      next: isn,
      shift: random.pick([null, 0, 2, 7, 14]),
      sack: random.oneIn(2),
      window: random.pick([1460, 2920, 5840, 29_200, 64_240, 65_535]),
    };
  }

  say(from: 0 | 1, flags: number, length = 0, change: Partial<Segment> = {}): this {
    const [end, other] = [this.ends[from], this.ends[1 - from]!];
    const seq = change.seq ?? (flags & SYN ? end.isn : end.next);
    const ack = flags & ACK ? other.next : 0;
    const { window } = end;
    const option = flags & SYN ? this.#syn(end) : new Uint8Array();
    this.segments.push(
      Object.assign(
        { reply: from === 1, flags, seq, ack, window, options: option, length },
        change,
      ),
    );
    const until = seq + length + (flags & (SYN | FIN) ? 1 : 0);
    if (((until - end.next) | 0) > 0 && !(flags & RST)) end.next = until >>> 0;
    return this;
  }

  #syn({ shift, sack }: End): Uint8Array {
    return options(
      ...[2, 4, 5, 180],
      ...(sack ? [4, 2] : []),
      ...(shift === null ? [] : [3, 3, shift]),
    );
  }

  opened(): this {
    return this.say(0, SYN)
      .say(1, SYN | ACK)
      .say(0, ACK);
  }

  /** Some data both ways, each acknowledged. */
  talked(turns = this.#random.between(0, 3)): this {
    for (let turn = 0; turn < turns; turn++) {
      const from = this.#random.pick([0, 1] as const);
      const to = (1 - from) as 0 | 1;
      this.say(from, PSH | ACK, this.#random.pick([1, 20, 100]));
      if (!this.#random.oneIn(3)) this.say(to, ACK);
    }
    return this;
  }

  closed(from = this.#random.pick([0, 1] as const)): this {
    const to = (1 - from) as 0 | 1;
    this.say(from, FIN | ACK);
    if (this.#random.oneIn(2)) this.say(to, ACK);
    return this.say(to, FIN | ACK).say(from, ACK);
  }

  /** Both ends forget it and begin with other numbers; mostly higher ones. */
  anew(): this {
    for (const end of this.ends) {
      const leap = this.#random.pick([70_000, 70_000, 1, -5, -100_000, this.#random.bits()]);
      end.isn = (end.next + leap) >>> 0;
      end.next = end.isn;
    }
    return this;
  }
}

type Story = (s: Script, random: Random) => Script;

const STORIES: Readonly<Record<string, Story>> = {
  plain: (s) => s.opened().talked().closed(),
  open: (s) => s.opened().talked(4),
  'half-closed': (s) => {
    s.opened()
      .talked()
      .say(0, FIN | ACK)
      .say(1, ACK);
    s.say(1, ACK | PSH, 100)
      .say(0, ACK)
      .say(1, ACK, 50)
      .say(0, ACK);
    return s.say(1, FIN | ACK).say(0, ACK);
  },
  'closed at once': (s) =>
    s
      .opened()
      .talked()
      .say(0, FIN | ACK)
      .say(1, FIN | ACK)
      .say(0, ACK)
      .say(1, ACK),
  'simultaneous open': (s) => {
    s.say(0, SYN)
      .say(1, SYN, 0, { ack: 0 })
      .say(0, SYN | ACK)
      .say(1, SYN | ACK);
    return s.say(0, ACK).say(1, ACK).talked().closed();
  },
  reset: (s, random) => {
    const from = random.pick([0, 1] as const);
    s.opened().talked();
    return random.oneIn(2)
      ? s.say(from, RST, 0, { window: 0 })
      : s.say(from, RST | ACK, 0, { window: 0 });
  },
  refused: (s, random) => {
    s.say(0, SYN).say(1, RST | ACK, 0, { seq: 0, window: 0 });
    return random.oneIn(2) ? s : s.say(0, SYN).say(1, RST | ACK, 0, { seq: 0, window: 0 });
  },
  'SYN again': (s) =>
    s
      .say(0, SYN)
      .say(0, SYN)
      .say(1, SYN | ACK)
      .say(1, SYN | ACK)
      .say(0, ACK)
      .talked()
      .closed(),
  'keep-alive': (s) => {
    s.opened().talked(2);
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      s.say(from, ACK, 0, { seq: (s.ends[from].next - 1) >>> 0 }).say(to, ACK);
    }
    return s.closed();
  },
  'closed window': (s) => {
    s.opened().say(0, ACK, 100).say(1, ACK, 0, { window: 0 });
    s.say(0, ACK, 1).say(1, ACK, 0, { window: 0 }).say(1, ACK);
    return s.talked().closed();
  },
  'holes and SACK': (s) => {
    const end = s.ends[0];
    s.opened();
    const lost = end.next;
    s.say(0, ACK, 100).say(0, ACK, 100);
    const edge = end.next;
    s.segments.splice(-2, 1);
    s.say(1, ACK, 0, { ack: lost, options: sackOption([[lost + 100, edge]]) });
    return s.say(0, ACK, 100, { seq: lost }).say(1, ACK).talked().closed();
  },
  'ports reused': (s, random) => {
    s.opened().talked(1);
    if (random.oneIn(3)) s.say(random.pick([0, 1] as const), RST | ACK);
    else s.closed();
    return s.anew().opened().talked().closed();
  },
  'forgotten by the client': (s) => {
    s.opened().talked(1);
    const old = s.ends[1].next;
    const challenge = s.ends[0].next;
    s.ends[0].isn = (challenge + 500_000) >>> 0;
    s.ends[0].next = s.ends[0].isn;
    s.say(0, SYN).say(1, ACK, 0, { ack: challenge }).say(0, RST, 0, { seq: old, ack: 0 });
    s.segments.at(-1)!.seq = challenge;
    s.ends[1].isn = (old + 90_000) >>> 0;
    s.ends[1].next = s.ends[1].isn;
    return s
      .say(0, SYN)
      .say(1, SYN | ACK)
      .say(0, ACK)
      .talked()
      .closed();
  },
  'forgotten by the server': (s) => {
    s.opened().talked(1);
    const { next } = s.ends[0];
    return s
      .say(0, PSH | ACK, 10)
      .say(1, RST, 0, { seq: s.ends[1].next, ack: 0 })
      .say(0, ACK, 0, { seq: next });
  },
  'SYN cookies': (s) =>
    s
      .opened()
      .say(0, PSH | ACK, 20)
      .say(1, ACK)
      .say(0, ACK, 0)
      .talked()
      .closed(),
};

const NAMES = Object.keys(STORIES);

/** A short session of a kind drawn by lot. */
export function scripted(random: Random): Session {
  const name = random.pick(NAMES);
  const { segments } = STORIES[name]!(new Script(random), random);
  return { family: random.oneIn(3) ? 6 : 4, segments, name };
}

/** A longer one, of two simulated ends on a network that loses, repeats and holds up. */
export function simulated(seed: number): Session {
  const segments: Segment[] = [];
  const wall = {
    lets: (told: Told, reply: boolean) => {
      segments.push(segmentOf(told, reply));
      return true;
    },
  };
  new Talk(seed, wall, { loss: 8, twice: 8, delay: 4 }).run();
  return { family: seed % 3 === 0 ? 6 : 4, segments, name: `simulated ${seed}` };
}

function segmentOf(told: Told, reply: boolean): Segment {
  const { flags, sequence: seq, acknowledgement: ack, window, length } = told;
  const { scale, sackPermitted, sackEdges } = told;
  const syn = [...(sackPermitted ? [4, 2] : []), ...(scale === null ? [] : [3, 3, scale])];
  const option =
    sackEdges.length === 0
      ? options(...syn)
      : sackOption(sackEdges.map((edge) => [edge - 1, edge] as const));
  return { reply, flags, seq, ack, window, options: option, length };
}
