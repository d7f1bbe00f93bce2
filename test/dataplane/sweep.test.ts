/**
 * The sweep over a table that is full: what it costs, how late it meets what expired, and that it takes
 * nothing that lives, while connections come and go. `SWEEP_STATES=1000000 SWEEP_CHURN=1000000` is its
 * long form. Figures are printed; times are not asserted, for the machine may be busy.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { xdpContext } from '../../native/lib/index.js';
import { DEFAULT_TIMEOUTS } from '../../src/control/config/index.js';
import { type PassStats, Sweeper, sweepPass } from '../../src/control/dataplane/sweep.js';
import { writeTimeouts } from '../../src/control/dataplane/timeouts.js';
import { turn } from '../../src/control/slices.js';
import { udp } from '../packet/index.js';
import { at, known, packet, stranger, www } from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { PortName } from './fixtures/types.js';
import { fillEstablished, filledLeft } from './harness/fill.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const STATES = Number(process.env.SWEEP_STATES ?? 50_000);
const CHURN = Number(process.env.SWEEP_CHURN ?? 20_000);
/** Seconds: connections that come and go end soon, and are still spoken on before. */
const STREAM_SECONDS = 2;
const REST_SECONDS = Number(process.env.SWEEP_REST ?? 2);
const XDP_DROP = 1;
/** Where a frame without tags has its addresses and ports. */
const IP_SOURCE = 26;
const IP_DESTINATION = 30;
const UDP_SOURCE = 34;
const UDP_DESTINATION = 36;
const PORTS = 50_000;

let wall: TestWall;

beforeAll(() => {
  wall = new TestWall(layCables(), { maxStates: STATES + CHURN + 1000, realClock: true });
  writeTimeouts(wall.dataplane, { ...DEFAULT_TIMEOUTS, 'udp-stream': STREAM_SECONDS });
});
afterAll(() => wall.close());
beforeEach(() => {
  wall.reset({}, planOf(CAMPUS));
  const runner = new TestRuns(wall, 'xdp');
  expect(known(stranger, www).flatMap((step) => runner.send(step))).toEqual([]);
  runner.close();
});

const now = () => wall.dataplane.clock.now();
const milliseconds = (jiffies: bigint) => (Number(jiffies) * 1000) / wall.hz;
const figure = (value: number, digits = 0) =>
  value.toLocaleString('en', { maximumFractionDigits: digits });
const print = (text: string) => process.stdout.write(`sweep: ${text}\n`);
/** `seen` of a state of which so many seconds are left. */
const left = (seconds: number) =>
  now() - wall.dataplane.clock.jiffies(DEFAULT_TIMEOUTS['tcp-established'] - seconds);

/** Per cent of a CPU that this process takes meanwhile. */
async function busy(seconds: number): Promise<number> {
  const [from, began] = [process.cpuUsage(), performance.now()];
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 10 / (performance.now() - began);
}

/** The sweep of a daemon, and what its passes over `established` met. */
function sweeping(): { sweeper: Sweeper; passes: PassStats[] } {
  const passes: PassStats[] = [];
  const fail = (error: unknown) => {
    throw error;
  };
  const sweeper = new Sweeper(wall.dataplane, fail, undefined, (table, stats) => {
    if (table === 'established') passes.push(stats);
  });
  sweeper.start();
  return { sweeper, passes };
}

/** A connection of one datagram each way, under a number that makes it another. */
class Conversation {
  readonly #ask = packet(at(stranger, '11.0.0.0'), www, udp({ sport: 1, dport: 443 })).frame;
  readonly #answer = packet(www, at(stranger, '11.0.0.0'), udp({ sport: 443, dport: 1 })).frame;
  readonly #program = wall.object.program('xdp_wall');

  open(number: number): boolean {
    return this.asks(number) && this.answers(number);
  }

  asks(number: number): boolean {
    this.#ask.writeUIntBE(Math.floor(number / PORTS), IP_SOURCE + 1, 3);
    this.#ask.writeUInt16BE(1024 + (number % PORTS), UDP_SOURCE);
    return this.#passes(stranger.port, this.#ask);
  }

  /** Only an open connection lets it pass, for the policy does not let the server begin. */
  answers(number: number): boolean {
    this.#answer.writeUIntBE(Math.floor(number / PORTS), IP_DESTINATION + 1, 3);
    this.#answer.writeUInt16BE(1024 + (number % PORTS), UDP_DESTINATION);
    return this.#passes(www.port, this.#answer);
  }

  #passes(port: PortName, frame: Buffer): boolean {
    const ctx = xdpContext({ length: frame.length, ifindex: wall.ifindex(port) });
    return this.#program.testRun({ data: frame, ctx }).retval !== XDP_DROP;
  }
}

describe('a pass', () => {
  it('is made of slices', async () => {
    fillEstablished(wall, STATES, () => left(1000));
    const began = performance.now();
    const { seen, live, longestNs } = await sweepPass(wall.dataplane, 'established');
    const all = performance.now() - began;
    expect([seen, live]).toEqual([STATES, STATES]);
    print(
      `${figure(STATES)} states: a pass takes ${figure(all)} ms, ` +
        `${figure((all * 1e6) / STATES)} ns an entry; the longest slice ${figure(longestNs / 1e6, 1)} ms of CPU`,
    );
  });

  it('is made only when something may have expired', async () => {
    fillEstablished(wall, STATES, () => left(1000));
    const { sweeper, passes } = sweeping();
    await expect.poll(() => passes.length).toBeGreaterThan(0);
    await sleep(200);
    const share = await busy(REST_SECONDS);
    await sweeper.stop();
    const idle = await busy(REST_SECONDS);
    expect(passes.map(({ live }) => live)).toEqual([STATES]);
    print(
      `${figure(STATES)} states at rest: ${figure(share, 2)}% of a CPU, ${figure(idle, 2)}% with no sweep`,
    );
  });
});

describe('a count', () => {
  it('makes a pass only when something has changed', async () => {
    fillEstablished(wall, STATES, () => left(1000));
    const { sweeper, passes } = sweeping();
    await sweeper.count();
    const before = passes.at(-1);
    expect((await sweeper.count()).established).toBe(STATES);
    // Told again, but of the same pass.
    expect(passes.at(-1)).toBe(before);
    expect(new Conversation().open(1)).toBe(true);
    expect((await sweeper.count()).established).toBe(STATES + 1);
    expect(passes.at(-1)).not.toBe(before);
    await sweeper.stop();
  });
});

describe('while connections come and go', () => {
  it('what has expired goes, and nothing else', { timeout: 900_000 }, async () => {
    /** Every tenth expires one after the other in the course of the churn, and after it. */
    const expires = (number: number) => number % 10 === 0;
    const spread = Math.max(4, CHURN / 40_000);
    // None before the table is full and swept: how late it is met would be how long that took.
    const filling = STATES / 20_000;
    fillEstablished(wall, STATES, (number) =>
      left(expires(number) ? filling + (number / STATES) * spread : 100_000),
    );
    const { sweeper, passes } = sweeping();
    const conversation = new Conversation();
    let lost = 0;
    let opened = performance.now();
    const since = new Float64Array(CHURN);
    let next = 0;
    for (let number = 0; number < CHURN; number++) {
      if (!conversation.open(number)) lost++;
      since[number] = opened;
      // Each is spoken on once more when half of its time is over.
      for (; next < number && opened - since[next]! > STREAM_SECONDS * 500; next++) {
        if (opened - since[next]! < STREAM_SECONDS * 900 && !conversation.answers(next)) lost++;
      }
      if (number % 256 !== 0) continue;
      await turn();
      opened = performance.now();
    }
    expect(lost).toBe(0);
    const ended = () => passes.reduce((sum, { deleted }) => sum + deleted, 0);
    const ending = Math.ceil(STATES / 10) + CHURN;
    await expect.poll(ended, { timeout: 600_000, interval: 100 }).toBe(ending);
    await sweeper.stop();
    const numbers = filledLeft(wall);
    for (let number = 0; number < STATES; number++) {
      if (numbers.has(number) === expires(number)) throw new Error(`state ${number} is wrong`);
    }
    const late = passes.reduce((most, pass) => (pass.late > most ? pass.late : most), 0n);
    print(
      `${figure(CHURN)} connections came and went beside ${figure(STATES)} states, ` +
        `${figure(ending)} expired, 0 that live were removed; ` +
        `what expired was met ${figure(milliseconds(late))} ms later at most`,
    );
  });

  it('a connection that a packet keeps alive stays', async () => {
    const { sweeper, passes } = sweeping();
    const conversation = new Conversation();
    expect(conversation.open(1)).toBe(true);
    for (let i = 0; i < 8; i++) {
      await sleep(500);
      expect(conversation.answers(1)).toBe(true);
    }
    expect(passes.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(0);
    const ended = () => passes.reduce((sum, { deleted }) => sum + deleted, 0);
    await expect.poll(ended, { timeout: 20_000 }).toBe(1);
    await sweeper.stop();
  });
});
