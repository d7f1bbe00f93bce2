/** Every received frame ends in exactly one counter, in each attach mode, after very many of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skbContext } from '../../native/lib/index.js';
import { tcp } from '../packet/index.js';
import { handshake, known, mail, packetWith, stranger } from './fixtures/actors.js';
import { FIXTURES } from './fixtures/index.js';
import { CAMPUS } from './fixtures/policies.js';
import type { PortName } from './fixtures/types.js';
import { Random } from './fuzz/random.js';
import { identityProblem } from './harness/afterwards.js';
import { nativeWire } from './harness/native.js';
import { layCables, links, type TestPort } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';
import { buildBridge, unjudged, Wire, type WireMode, waitFor } from './harness/wire.js';

const FRAMES = Number(process.env.COUNTED_FRAMES ?? 200_000);
const ROUNDS = 25;
/** Logs drops, within its rate: some go through netfilter, some do not. */
const POLICY = CAMPUS.replace('log: {drops: none}', 'log: {drops: all}');

let ports: TestPort[];
let wall: TestWall;

beforeAll(() => {
  ports = layCables();
  buildBridge(ports);
  wall = new TestWall(ports);
});

afterAll(() => wall.close());

/** Frames of one length for one port, one after the other. */
interface Load {
  readonly port: PortName;
  readonly length: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/** All frames of all fixtures, those apart that the mode never sees. */
function loads(mode: WireMode): Load[] {
  const frames = new Map<string, { port: PortName; frames: Buffer[] }>();
  for (const { steps, beforeTc } of FIXTURES) {
    if (mode === 'tc' && beforeTc !== undefined) continue;
    for (const step of steps) {
      if (step.kind !== 'frame') continue;
      const key = `${step.port} ${step.frame.length}`;
      const load = frames.get(key) ?? { port: step.port, frames: [] };
      load.frames.push(step.frame);
      frames.set(key, load);
    }
  }
  return [...frames.values()].map(({ port, frames }) => ({
    port,
    length: frames[0]!.length,
    count: frames.length,
    bytes: Buffer.concat(frames),
  }));
}

/** Frames that the devices say they received. */
function countedByDevices(): number {
  const names = new Set<string>(ports.map(({ name }) => name));
  return links()
    .filter(({ ifname }) => names.has(ifname))
    .reduce((sum, { stats64 }) => sum + stats64!.rx.packets, 0);
}

/** Sends at least so many frames, in an order of a seed; returns how many. */
function sendMany(mode: WireMode, frames: number): number {
  const random = new Random(frames);
  const all = loads(mode);
  const wires = new Map(ports.map(({ name, wire }) => [name, nativeWire().openWire(wire, false)]));
  let sent = 0;
  while (sent < frames) {
    const { port, length, count, bytes } = random.pick(all);
    nativeWire().send(wires.get(port)!, bytes, length, ROUNDS);
    sent += count * ROUNDS;
  }
  for (const wire of wires.values()) nativeWire().closeWire(wire);
  return sent;
}

describe.each<WireMode>(['native', 'generic', 'tc'])('%s', (mode) => {
  it(`accounts for ${FRAMES} mixed frames`, { timeout: 300_000 }, () => {
    wall.reset({ logRate: FRAMES / 10 }, planOf(POLICY));
    wall.setMember('badguys', '203.0.113.77', {});
    const before = countedByDevices();
    const unseen = unjudged();
    const wire = new Wire(wall, mode);
    let sent = 0;
    try {
      sent = sendMany(mode, FRAMES);
      waitFor('the last frame', () => wall.tally().rx >= sent);
    } finally {
      wire.close();
    }
    const tally = wall.tally();
    expect(identityProblem(tally)).toBeUndefined();
    expect(tally.rx).toBe(sent);
    expect(countedByDevices() - before).toBe(sent);
    expect(unjudged() - unseen).toBe(0);
    expect(tally.forwarded).toBeGreaterThan(0);
    expect(tally.passed).toBeGreaterThan(0);
    expect(tally.suppressed).toBeGreaterThan(0);
    expect(Object.keys(tally.dropped).length).toBeGreaterThan(15);
    for (const [number] of ports.entries()) {
      expect(identityProblem(wall.tally(number))).toBeUndefined();
    }
  });
});

describe('aggregated frames', () => {
  it('count as many as they were on the wire', () => {
    wall.reset({}, planOf(CAMPUS));
    const sender = new TestRuns(wall, 'tc');
    const opening = [...known(stranger, mail), ...handshake(stranger, mail, 40000, 25)];
    expect(opening.flatMap((step) => sender.send(step))).toEqual([]);
    const before = wall.tally();
    const counted = wall.ruleCount('mail-smtp');
    const segment = packetWith(
      stranger,
      mail,
      {},
      tcp({ sport: 40000, dport: 25, flags: 'A' }),
      'x'.repeat(3000),
    );
    wall.object.program('tc_wall').testRun({
      data: segment.frame,
      ctx: skbContext({ ifindex: wall.ifindex('up0'), gsoSegs: 3, gsoSize: 1000 }),
    });
    const after = wall.tally();
    expect(after.rx - before.rx).toBe(3);
    expect(after.forwarded - before.forwarded).toBe(3);
    const rule = wall.ruleCount('mail-smtp');
    expect(rule.packets - counted.packets).toBe(3);
    expect(rule.bytes - counted.bytes).toBe(3 * (14 + 20 + 20 + 1000));
    sender.close();
  });
});
