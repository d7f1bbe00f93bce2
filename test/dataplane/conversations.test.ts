/**
 * Whole conversations of two ends that keep to the RFCs, over a network that loses, repeats and holds
 * up: the packet path never drops what would be news to the other end; nor when, in the middle of
 * it, a state is left without its windows, as one that came out of an older version. CONVERSATIONS sets
 * how many.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Segment } from '../../src/control/policy/model/index.js';
import * as layouts from '../../src/generated/layouts.js';
import { tcp } from '../packet/index.js';
import { Talk, type Wall } from '../unit/control/policy/model/talk.js';
import { known, mail, packet, stranger } from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import { Random } from './fuzz/random.js';
import { XdpHook } from './harness/hooks.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { liveStates } from './harness/states.js';
import { TestWall } from './harness/wall.js';

const RUNS = Number(process.env.CONVERSATIONS ?? 400) / 10;
const NETWORK = { loss: 8, twice: 8, delay: 4 };
const [CLIENT_PORT, SMTP] = [40_000, 25];

let wall: TestWall;
let hook: XdpHook;

beforeAll(() => {
  wall = new TestWall(layCables());
  hook = new XdpHook(wall);
});
afterAll(() => {
  hook.close();
  wall.close();
});

function frameOf(segment: Segment, reply: boolean) {
  const [from, to] = reply ? [mail, stranger] : [stranger, mail];
  const [sport, dport] = reply ? [SMTP, CLIENT_PORT] : [CLIENT_PORT, SMTP];
  const { flags, sequence: seq, acknowledgement: ack, window } = segment;
  const layer = tcp({ sport, dport, flags, seq, ack, window, options: optionsOf(segment) });
  return packet(from, to, layer, Buffer.alloc(segment.length, 7));
}

function optionsOf({ scale, sackPermitted, sackEdges }: Segment): Buffer {
  const syn = [...(sackPermitted ? [4, 2] : []), ...(scale === null ? [] : [3, 3, scale])];
  if (sackEdges.length === 0) return Buffer.from(syn);
  const option = Buffer.alloc(4 + 8 * sackEdges.length, 1);
  option.set([5, 2 + 8 * sackEdges.length], 2);
  for (const [at, edge] of sackEdges.entries()) {
    option.writeUInt32BE((edge - 1) >>> 0, 4 + 8 * at);
    option.writeUInt32BE(edge, 8 + 8 * at);
  }
  return option;
}

/** What the packet path lets through, and what of its memory is lost on the way. */
class Dataplane implements Wall {
  readonly #random: Random;
  readonly #forgets: boolean;
  #seen = 0;

  constructor(seed: number, forgets: boolean) {
    this.#random = new Random(seed);
    this.#forgets = forgets;
    wall.reset({}, planOf(CAMPUS));
    for (const { port, frame } of known(stranger, mail)) hook.run(port, frame);
  }

  lets(segment: Segment, reply: boolean): boolean {
    if (this.#forgets && this.#random.oneIn(60)) forgetWindows();
    this.#seen += 1;
    const { from, frame } = frameOf(segment, reply);
    return hook.run(from.port, frame).action !== 'drop';
  }
}

/** Nothing is there but a cable, until a wall is put into it in the middle of the conversation. */
class InsertedWall implements Wall {
  readonly #random: Random;
  readonly #spoken = [false, false];
  #stands = false;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  lets(segment: Segment, reply: boolean): boolean {
    if (!this.#stands) {
      // A handshake that is cut begins again with its SYN.
      if (!(segment.flags & 2)) this.#spoken[reply ? 1 : 0] = true;
      if (!this.#spoken.every(Boolean) || !this.#random.oneIn(20)) return true;
      this.#stands = true;
      wall.reset({}, planOf(CAMPUS.replace(/^defaults:$/m, 'defaults:\n  pickup: 60s')));
      for (const { port, frame } of known(stranger, mail)) hook.run(port, frame);
    }
    const { from, frame } = frameOf(segment, reply);
    return hook.run(from.port, frame).action !== 'drop';
  }
}

/** Leaves established states as an older version knew them: with their phase, and no windows. */
function forgetWindows(): void {
  const map = wall.map('established');
  const side = { end: 0, limit: 0, window: 0, acked: 0 };
  for (const { keys, values, count } of [...map.entries()]) {
    for (let at = 0; at < count; at++) {
      const value = layouts.state.decode(values, at * layouts.state.size);
      const key = keys.subarray(at * layouts.stateKey.size, (at + 1) * layouts.stateKey.size);
      const bare = { ...value, word: value.word & 0xfff, tcp: [side, side] };
      map.update(key, layouts.state.encode(bare));
    }
  }
}

describe('conversations through the packet path', () => {
  it.each([false, true])(
    `${RUNS} of them, windows forgotten: %s`,
    { timeout: 300_000 },
    (forgets) => {
      for (let seed = 1; seed <= RUNS; seed++) {
        const talk = new Talk(seed, new Dataplane(seed, forgets), NETWORK);
        expect(talk.run(), `seed ${seed}: ${JSON.stringify(talk.refused.slice(-3))}`).toBe(true);
        expect(talk.refused, `seed ${seed}`).toEqual([]);
      }
    },
  );
});

describe('conversations that are older than the wall', () => {
  it(`${RUNS} of them`, { timeout: 300_000 }, () => {
    let pickedUp = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const talk = new Talk(seed, new InsertedWall(seed), NETWORK);
      expect(talk.run(), `seed ${seed}: ${JSON.stringify(talk.refused.slice(-3))}`).toBe(true);
      expect(talk.refused, `seed ${seed}`).toEqual([]);
      pickedUp += wall.tally().pickedUp;
    }
    expect(pickedUp).toBeGreaterThan(RUNS / 2);
  });
});

describe('a state without windows', () => {
  const bothEnds = (window: number) => {
    const at = { scale: null, sackPermitted: false, sackEdges: [] } as const;
    const ends = { isn: [1000, 5_000_000] };
    const send = (reply: boolean, flags: number, offset: number, ack: number, length = 0) => {
      const [own, other] = reply ? [ends.isn[1]!, ends.isn[0]!] : [ends.isn[0]!, ends.isn[1]!];
      const numbers = { sequence: own + offset, acknowledgement: flags & 16 ? other + ack : 0 };
      const { from, frame } = frameOf({ ...at, flags, window, length, ...numbers }, reply);
      return hook.run(from.port, frame).action !== 'drop';
    };
    wall.reset({}, planOf(CAMPUS));
    for (const { port, frame } of known(stranger, mail)) hook.run(port, frame);
    expect([send(false, 2, 0, 0), send(true, 18, 0, 1), send(false, 16, 1, 1)]).toEqual([
      true,
      true,
      true,
    ]);
    return send;
  };

  it('learns each side from its first segment, and is strict from then on', () => {
    // A window of one, at the widest scaling, and what may be late by as much as MAX_ACK_WINDOW.
    const send = bothEnds(1);
    forgetWindows();
    const far = (1 << 14) + 66_000 + 1;
    expect(send(false, 16, 1, 1)).toBe(true);
    expect(send(true, 16, 1 + far, 1)).toBe(false);
    expect(send(true, 16, 1, 1 + (1 << 30) + far)).toBe(false);
    expect(send(true, 16, 1, 1)).toBe(true);
    expect(send(false, 16, 1 + far, 1, 1)).toBe(false);
    expect(send(true, 16, 1 + far, 1, 1)).toBe(false);
    expect(send(false, 16, 1, 1 + far)).toBe(false);
    expect(send(true, 16, 1, 1 + far)).toBe(false);
    expect(send(false, 24, 1, 1, 100)).toBe(true);
    expect(send(true, 16, 1, 101)).toBe(true);
  });

  it('is closed by no reset before it knows better, and by the right one then', () => {
    const send = bothEnds(1000);
    forgetWindows();
    const phase = () => liveStates(wall).map((state) => state.phase);
    expect(send(false, 4, 777_777, 0)).toBe(true);
    expect(phase()).toEqual(['established']);
    expect(send(false, 16, 1, 1)).toBe(true);
    expect(send(true, 16, 1, 1)).toBe(true);
    expect(send(false, 4, 0, 0)).toBe(false);
    expect(phase()).toEqual(['established']);
    expect(send(false, 4, 1, 0)).toBe(true);
    expect(phase()).toEqual(['close']);
  });
});
