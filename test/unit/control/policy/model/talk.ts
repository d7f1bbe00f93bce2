/** Two ends of a TCP connection that keep to the RFCs, a network that does not, and a wall in it. */
import type { Segment } from '../../../../../src/control/policy/model/tcp-conversation.js';
import { Random } from '../../../../dataplane/fuzz/random.js';
import { Endpoint } from './endpoint.js';

const ROUNDS = 20_000;

/** What stands between them. */
export interface Wall {
  lets(segment: Segment, reply: boolean): boolean;
}

export interface Network {
  /** One of so many segments is lost, comes twice, is held up; before the wall and behind it. */
  readonly loss: number;
  readonly twice: number;
  /** Rounds that a segment may be held up. */
  readonly delay: number;
}

interface UnderWay {
  readonly segment: Segment;
  readonly reply: boolean;
  readonly passed: boolean;
  readonly due: number;
}

/** Two ends, and a wall between them. */
export class Talk {
  readonly random: Random;
  readonly ends: readonly [Endpoint, Endpoint];
  /** Refused by the wall, and news to the other end. */
  readonly refused: { segment: Segment; reply: boolean }[] = [];
  readonly #wall: Wall;
  readonly #network: Network;
  #underWay: UnderWay[] = [];

  constructor(seed: number, wall: Wall, network: Network) {
    this.#wall = wall;
    const random = new Random(seed);
    this.random = random;
    this.#network = network;
    const end = (opens: boolean) =>
      new Endpoint(
        {
          opens,
          isn: random.pick([random.bits(), 0xffff_ffff - random.below(5000), 0x7fff_ff00]),
          bytes: random.pick([0, 1, 500, 20_000, 200_000]),
          buffer: random.pick([600, 4000, 30_000, 65_535, 300_000]),
          scale: random.pick([null, 0, 2, 7]),
          sack: random.oneIn(2),
        },
        random,
      );
    this.ends = [end(true), end(false)];
  }

  /** Lets them talk until they are done; false when they never are. */
  run(): boolean {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [side, end] of this.ends.entries()) {
        for (const segment of end.tick()) this.#send(segment, side === 1, false, round);
      }
      const due = this.#underWay.filter((one) => one.due <= round);
      this.#underWay = this.#underWay.filter((one) => one.due > round);
      for (const one of due) this.#arrive(one, round);
      if (this.ends.every(({ done }) => done)) return true;
    }
    return false;
  }

  #send(segment: Segment, reply: boolean, passed: boolean, round: number): void {
    const { loss, twice, delay } = this.#network;
    const { random } = this;
    if (loss > 0 && random.oneIn(loss)) return;
    const copies = twice > 0 && random.oneIn(twice) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const due = round + 1 + (delay > 0 && random.oneIn(5) ? random.below(delay) : 0);
      this.#underWay.push({ segment, reply, passed, due });
    }
  }

  #arrive({ segment, reply, passed }: UnderWay, round: number): void {
    if (passed) this.ends[reply ? 0 : 1].receive(segment);
    else if (this.#lets(segment, reply)) this.#send(segment, reply, true, round);
  }

  #lets(segment: Segment, reply: boolean): boolean {
    if (this.#wall.lets(segment, reply)) return true;
    if (!this.ends[reply ? 0 : 1].knows(segment)) this.refused.push({ segment, reply });
    return false;
  }
}
