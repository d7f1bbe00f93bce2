/** What XDP tells tc of a frame: believed when it is ours, and made up for when it cannot be told. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BpfObject, xdpContext } from '../../native/lib/index.js';
import { filling, pieces, tcp, udp } from '../packet/index.js';
import {
  admin,
  dropped,
  handshake,
  known,
  mail,
  packetWith,
  segment,
  stranger,
  tagged,
  www,
} from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { PortName } from './fixtures/types.js';
import { TcHook } from './harness/hooks.js';
import { built } from './harness/native.js';
import { layCables, type TestPort } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';
import { buildBridge, Wire } from './harness/wire.js';

const FORGE = 'test/dataplane/native/forge.bpf.c';
/** The secret of a wall under test, which nobody sets. */
const SECRET = 0x62776d31;
/** All the headroom there is, but for what the kernel keeps for itself. */
const FULL_META = 216;

let ports: TestPort[];
let wall: TestWall;

beforeAll(() => {
  ports = layCables();
  buildBridge(ports);
  wall = new TestWall(ports);
});

afterAll(() => wall.close());

function forger(secret: number): BpfObject {
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const object = BpfObject.open(
    built('build/test/forge.bpf.o', FORGE, (output) => [
      'clang',
      ...['-O2', '-g', '-Wall', '-target', 'bpf', '-mcpu=v3', include, '-c', FORGE, '-o', output],
    ]),
  );
  object.setReadOnly({ secret });
  object.load();
  return object;
}

describe('a verdict that came with the frame', () => {
  function judged(secret: number): number {
    wall.reset({}, planOf(CAMPUS));
    using object = forger(secret);
    const wire = new Wire(wall, 'tc');
    const link = object.program('forge').attachXdp(wall.ifindex('up0'), 'native');
    const problems = wire.send(dropped(segment(stranger, mail, 1, 23, 'S'), 'no-in'));
    link.close();
    wire.close();
    expect(problems).toEqual([]);
    return wall.tally().rx;
  }

  it('is not believed when another wall gave it', () => {
    expect(judged(SECRET + 1)).toBe(1);
  });
});

describe('a frame with no room for the verdict before it', () => {
  it('counts once, and so does the connection that it opens', () => {
    wall.reset({}, planOf(CAMPUS));
    const { port, frame } = dropped(segment(admin, mail, 1, 22, 'S'), 'no-in');
    const data = Buffer.concat([Buffer.alloc(FULL_META), frame]);
    const ctx = xdpContext({
      length: data.length,
      ifindex: wall.ifindex(port),
      metaLength: FULL_META,
    });
    const { retval } = wall.object.program('xdp_wall').testRun({ data, ctx });
    expect(retval).toBe(2);
    expect(wall.tally()).toMatchObject({ rx: 0, passed: 0, suppressed: 1 });
    expect(wall.ruleCount('mail-ssh')).toMatchObject({ packets: 0, connections: 1 });
  });
});

describe('a fragment with no room for the verdict before it', () => {
  /** Through XDP, which cannot tell what it found, and then through tc. */
  function twice(tc: TcHook, port: PortName, frame: Buffer): string {
    const data = Buffer.concat([Buffer.alloc(FULL_META), frame]);
    const { length } = data;
    const ctx = xdpContext({ length, ifindex: wall.ifindex(port), metaLength: FULL_META });
    expect(wall.object.program('xdp_wall').testRun({ data, ctx }).retval).toBe(2);
    return tc.run(port, frame).action;
  }

  it('is judged again as if it had not come', () => {
    wall.reset({}, planOf(CAMPUS));
    const { from, frame } = packetWith(
      stranger,
      www,
      {},
      udp({ sport: 5000, dport: 443 }),
      filling(120),
    );
    const tc = new TcHook(wall);
    const [first, second, third, last] = pieces(frame, 32);
    for (const each of [first!, third!, second!, last!]) {
      expect(twice(tc, from.port, each)).toBe('flood');
    }
    expect(tc.run(from.port, last!).action).toBe('drop');
    tc.close();
    expect(wall.tally()).toMatchObject({ rx: 5, passed: 4, dropped: { fragment: 1 } });
    expect(wall.ruleCount('www-quic')).toMatchObject({ packets: 4, connections: 1 });
  });
});

describe('an aggregated frame', () => {
  it('has the bytes of all its segments, with the tag that the hardware took off for each', () => {
    wall.reset({}, planOf(CAMPUS));
    const from = tagged(stranger, 7);
    const to = tagged(mail, 7);
    const sender = new TestRuns(wall, 'tc');
    const opening = [...known(from, to), ...handshake(from, to, 40000, 25)];
    expect(opening.flatMap((step) => sender.send(step))).toEqual([]);
    sender.close();
    const before = wall.ruleCount('mail-smtp').bytes;
    const segments = tcp({ sport: 40000, dport: 25, flags: 'A' });
    const { frame } = packetWith(from, to, {}, segments, 'x'.repeat(3000));
    const hook = new TcHook(wall);
    hook.run(from.port, frame, { gsoSegs: 3, gsoSize: 1000 });
    hook.close();
    const bytes = wall.ruleCount('mail-smtp').bytes - before;
    expect(bytes).toBe(3 * (14 + 4 + 20 + 20 + 1000));
  });

  it('leaves by a port whose MTU takes its segments, and by no other', () => {
    wall.reset({}, planOf(CAMPUS));
    const sender = new TestRuns(wall, 'tc');
    const opening = [...known(stranger, mail), ...handshake(stranger, mail, 40000, 25)];
    expect(opening.flatMap((step) => sender.send(step))).toEqual([]);
    sender.close();
    const segments = tcp({ sport: 40000, dport: 25, flags: 'A' });
    const { frame } = packetWith(stranger, mail, {}, segments, 'x'.repeat(3000));
    const hook = new TcHook(wall);
    const action = (mtu: number, gso = {}) => {
      wall.setPort('dn0', { mtu });
      return hook.run('up0', frame, gso).action;
    };
    // 14 + 20 + 20 + 1000 bytes, of which 4 are free for a tag.
    expect(action(1036, { gsoSegs: 3, gsoSize: 1000 })).toBe('forward');
    expect(action(1035, { gsoSegs: 3, gsoSize: 1000 })).toBe('drop');
    expect(action(3035)).toBe('drop');
    expect(action(3036)).toBe('forward');
    hook.close();
    expect(wall.tally().dropped).toEqual({ mtu: 4 });
  });
});
