/** Sessions bent at random: numbers, flags, options, order, losses, repetitions and forgeries. */
import type { Random } from '../fuzz/random.js';
import { options, sackOption } from './generate.js';
import { ACK, FIN, MOST_PAYLOAD, PSH, RST, type Segment, type Session, SYN } from './session.js';

const NEAR = [
  -1460, -300, -2, -1, -1, 0, 0, 1, 1, 2, 300, 1460, 65_535, -65_535, 66_000, -66_000, -66_001,
];
const FLAGS = [SYN, SYN | ACK, ACK, ACK, PSH | ACK, FIN | ACK, FIN | ACK, RST, RST | ACK];
const ODD_FLAGS = [
  0,
  FIN,
  SYN | FIN,
  SYN | RST,
  0xff,
  PSH,
  FIN | PSH | 32,
  SYN | 64 | 128,
  ACK | 32,
];
const WINDOWS = [0, 1, 100, 1460, 5840, 64_240, 65_535];

type Mutation = (segments: Segment[], random: Random) => void;

const MUTATIONS: readonly (readonly [weight: number, mutation: Mutation])[] = [
  [4, (all, random) => change(all, random, (one) => ({ seq: odd(all, random, one.seq) }))],
  [4, (all, random) => change(all, random, (one) => ({ ack: odd(all, random, one.ack) }))],
  [2, (all, random) => change(all, random, () => ({ window: random.pick(WINDOWS) }))],
  [3, (all, random) => change(all, random, () => ({ flags: anyFlags(random) }))],
  [2, (all, random) => change(all, random, () => ({ length: anyLength(random) }))],
  [2, (all, random) => change(all, random, () => ({ options: anyOptions(all, random) }))],
  [1, (all, random) => change(all, random, ({ reply }) => ({ reply: !reply }))],
  [2, (all, random) => change(all, random, (one) => ({ options: bent(one.options, random) }))],
  [3, lost],
  [3, again],
  [3, moved],
  [6, forged],
  [1, (all, random) => all.splice(random.below(all.length) + 1)],
];

/** One to four changes of a session. */
export function mutated(session: Session, random: Random, name: string): Session {
  const segments = session.segments.map((one) => ({ ...one }));
  for (let left = random.pick([1, 1, 2, 2, 3, 4]); left > 0 && segments.length > 0; left--) {
    random.weighted(MUTATIONS)(segments, random);
  }
  return { ...session, segments, name };
}

function change(all: Segment[], random: Random, by: (one: Segment) => Partial<Segment>): void {
  const at = random.below(all.length);
  all[at] = { ...all[at]!, ...by(all[at]!) };
}

function lost(all: Segment[], random: Random): void {
  all.splice(random.below(all.length), 1);
}

/** A copy of one comes once more, at once or later. */
function again(all: Segment[], random: Random): void {
  const at = random.below(all.length);
  all.splice(random.between(at + 1, all.length), 0, { ...all[at]! });
}

function moved(all: Segment[], random: Random): void {
  const [one] = all.splice(random.below(all.length), 1);
  all.splice(random.below(all.length + 1), 0, one!);
}

/** A segment that nobody sent. */
function forged(all: Segment[], random: Random): void {
  const at = random.below(all.length + 1);
  const like = all[Math.max(0, at - 1)]!;
  const reply = random.oneIn(2);
  all.splice(at, 0, {
    reply,
    flags: anyFlags(random),
    seq: odd(all, random, reply === like.reply ? like.seq : like.ack),
    ack: odd(all, random, reply === like.reply ? like.ack : like.seq),
    window: random.pick(WINDOWS),
    options: random.oneIn(4) ? anyOptions(all, random) : new Uint8Array(),
    length: random.oneIn(2) ? 0 : anyLength(random),
  });
}

function anyFlags(random: Random): number {
  return random.oneIn(12) ? random.pick(ODD_FLAGS) : random.pick(FLAGS);
}

function anyLength(random: Random): number {
  return random.pick([0, 1, 1, 10, 100, MOST_PAYLOAD]);
}

/** A number near one that matters to this session, or any. */
function odd(all: readonly Segment[], random: Random, own: number): number {
  if (random.oneIn(10)) return random.bits();
  const one = random.pick(all);
  const edge = random.pick([
    own,
    own,
    one.seq,
    one.seq + one.length,
    one.ack,
    one.ack + one.window,
  ]);
  return (edge + random.pick(NEAR)) >>> 0;
}

function anyOptions(all: readonly Segment[], random: Random): Uint8Array {
  if (random.oneIn(3)) {
    const blocks = Array.from({ length: random.between(1, 4) }, () => {
      const right = odd(all, random, random.pick(all).ack);
      return [right - random.pick([1, 100, 1460]), right] as const;
    });
    return sackOption(blocks);
  }
  const scale = random.pick([[], [3, 3, random.below(16)], [3, 3, 14]]);
  const sack = random.oneIn(2) ? [4, 2] : [];
  const stamp = random.oneIn(2) ? [8, 10, 0, 0, 0, 1, 0, 0, 0, 1] : [];
  return options(...scale, ...sack, ...stamp);
}

function bent(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length > 0)
    copy[random.below(copy.length)] = random.pick([0, 1, 3, 5, 8, 10, random.below(256)]);
  return copy;
}
