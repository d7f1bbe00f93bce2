import { describe, expect, it } from 'vitest';
import { ACK, RST, SYN } from '../../../../../src/control/policy/model/tcp.js';
import {
  NO_SEGMENT,
  type Segment,
  TcpConversation,
} from '../../../../../src/control/policy/model/tcp-conversation.js';
import { Random } from '../../../../dataplane/fuzz/random.js';
import { Talk } from './talk.js';

const RUNS = Number(process.env.CONVERSATIONS ?? 400);

/** What the model lets through. */
class ModelWall {
  #conversation: TcpConversation | null = null;

  lets(segment: Segment, reply: boolean): boolean {
    if (this.#conversation === null) {
      if (reply || segment.flags !== SYN) return false;
      this.#conversation = new TcpConversation(segment);
      return true;
    }
    const step = this.#conversation.take(segment, reply);
    return step !== 'invalid' && step !== 'out';
  }
}

describe('two ends that keep to the RFCs', () => {
  it(`are never kept from talking, in ${RUNS} conversations over a bad network`, () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const talk = new Talk(seed, new ModelWall(), { loss: 8, twice: 8, delay: 4 });
      expect(talk.run(), `seed ${seed}: ${JSON.stringify(talk.refused.slice(-3))}`).toBe(true);
      expect(talk.refused, `seed ${seed}`).toEqual([]);
    }
  });

  it('come to an end even where segments turn up long after', () => {
    for (let seed = 1; seed <= RUNS / 4; seed++) {
      const talk = new Talk(seed, new ModelWall(), { loss: 6, twice: 3, delay: 300 });
      expect(talk.run(), `seed ${seed}: ${JSON.stringify(talk.refused.slice(-3))}`).toBe(true);
    }
  });
});

describe('somebody who guesses', () => {
  const WINDOW = 64_240;
  const TRIES = 300_000;

  function established(): TcpConversation {
    const talk = new TcpConversation({ ...NO_SEGMENT, flags: SYN, sequence: 1000, window: WINDOW });
    const answer = { ...NO_SEGMENT, sequence: 5_000_000, acknowledgement: 1001, window: WINDOW };
    talk.take({ ...answer, flags: SYN | ACK }, true);
    const last = { ...NO_SEGMENT, sequence: 1001, acknowledgement: 5_000_001, window: WINDOW };
    expect(talk.take({ ...last, flags: ACK }, false)).toBe('established');
    return talk;
  }

  it('gets past the wall no more often than windows are wide, and then needs both numbers', () => {
    const random = new Random(7);
    const talk = established();
    let passed = 0;
    for (let i = 0; i < TRIES; i++) {
      const flags = random.pick([ACK, RST, RST | ACK, SYN | ACK]);
      const numbers = { sequence: random.bits(), acknowledgement: 5_000_001 };
      const step = talk.clone().take({ ...NO_SEGMENT, ...numbers, flags, length: 1 }, false);
      if (step !== 'out' && step !== 'invalid') passed++;
    }
    // A window ahead, and as much behind as a late duplicate may be.
    expect(passed).toBeLessThan((TRIES * 2 * (WINDOW + 66_000)) / 2 ** 32);
    const both = Array.from({ length: TRIES }, () => {
      const numbers = { sequence: random.bits(), acknowledgement: random.bits() };
      return talk.take({ ...NO_SEGMENT, ...numbers, flags: ACK, length: 1 }, random.oneIn(2));
    });
    expect(both.every((step) => step === 'out')).toBe(true);
    expect(talk.phase).toBe('established');
  });

  it('resets nothing but by one of two numbers', () => {
    const talk = established();
    const closes = (sequence: number) =>
      talk.clone().take({ ...NO_SEGMENT, flags: RST, sequence }, false) === 'close';
    const numbers = Array.from({ length: 200_000 }, (_, i) => 1001 - 100_000 + i);
    expect(numbers.filter(closes)).toEqual([1001]);
  });
});
