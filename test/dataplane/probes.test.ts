/** Probes of the other node: answered, remembered, yielded to; and all that is none changes nothing. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as layouts from '../../src/generated/layouts.js';
import { chance } from '../chance.js';
import { siphash } from '../packet/siphash.js';
import { Explainer, type Hook } from './harness/hooks.js';
import { layCables, type TestPort } from './harness/network.js';
import { ProbeRuns } from './harness/probe-runs.js';
import {
  everythingHeard,
  forgetPair,
  heardOn,
  KEY,
  LIFE,
  OTHER_KEY,
  PEER_MAC,
  probeFrame,
  readProbe,
  type Said,
  SELF,
  setPair,
} from './harness/probes.js';
import { TestWall } from './harness/wall.js';

const { ProbeFlags, ProbeWire, RoleFlags } = layouts;
const FORGERIES = Number(process.env.PROBE_FORGERIES ?? 100_000);

let ports: TestPort[];
let wall: TestWall;
let explainer: Explainer;
const hooks = new Map<Hook, ProbeRuns>();

beforeAll(() => {
  ports = layCables();
  wall = new TestWall(ports);
  explainer = new Explainer(wall);
  for (const hook of ['xdp', 'tc'] as const) hooks.set(hook, new ProbeRuns(wall, hook));
});
afterAll(() => {
  for (const hook of hooks.values()) hook.close();
  wall?.close();
});
beforeEach(() => {
  wall.reset();
  forgetPair(wall);
  setPair(wall);
});
afterEach(() => forgetPair(wall));

/** Role word as it is now. */
function role(): { standby: boolean; epoch: number } {
  const { flags, epoch } = layouts.role.decode(wall.map('role').lookup(Buffer.alloc(4))!);
  return { standby: (flags & RoleFlags.STANDBY) !== 0, epoch };
}

it('have the tag that the paper gives for its example', () => {
  // Aumasson and Bernstein, appendix A: 15 bytes there; of whole words, from the reference implementation.
  const words = Buffer.from('0001020304050607', 'hex');
  expect(siphash(words, KEY).toString(16)).toBe('93f5f5799a932462');
});

describe.each(['xdp', 'tc'] as const)('in %s', (hook) => {
  const run = (said: Said, port: 'up0' | 'up1' | 'dn0' = 'up0') =>
    hooks.get(hook)!.run(port, probeFrame(said));

  it('are answered where they came in, with what this node is, and counted once', () => {
    wall.setStandby(false, 8);
    const { action, bytes, counted } = run({ counter: 5n, epoch: 7 });
    expect(action).toBe('redirect');
    expect(counted).toEqual({ rx: 1, answered: 1 });
    expect(bytes.subarray(0, 6).toString('hex')).toBe(PEER_MAC.replaceAll(':', ''));
    expect(bytes.subarray(6, 12).toString('hex')).toBe(ports[0]!.mac.replaceAll(':', ''));
    expect(readProbe(bytes)).toMatchObject({
      genuine: true,
      kind: ProbeWire.PROBE_ANSWERS,
      path: 0,
      node: SELF,
      epoch: 8,
      role: 0,
      flags: ProbeFlags.READY | ProbeFlags.ATTENDED,
      hears: 3,
      quiet: Uint8Array.of(1, 2),
      life: LIFE,
      counter: 5n,
      nonce: 99n,
    });
    expect(role()).toEqual({ standby: false, epoch: 8 });
  });

  it('are answered by a standby, and by a node whose daemon is dead, which says so', () => {
    wall.setStandby(true, 3);
    setPair(wall, { awake: 1n });
    const { bytes } = run({ counter: 1n });
    expect(readProbe(bytes)).toMatchObject({
      genuine: true,
      role: RoleFlags.STANDBY,
      flags: ProbeFlags.READY,
    });
  });

  it('are remembered by side', () => {
    wall.setStandby(true);
    const before = process.hrtime.bigint();
    run({ counter: 77n, path: 1, epoch: 12, priority: 200 }, 'dn0');
    const heard = heardOn(wall, 1);
    expect(heard.at).toBeGreaterThanOrEqual(before);
    expect(heard.counter).toEqual([77n, 0n]);
    expect(heardOn(wall, 0).at).toBe(0n);
  });

  it('that are answers end here', () => {
    wall.setStandby(true);
    const { action, counted } = run({ kind: ProbeWire.PROBE_ANSWERS, nonce: LIFE, counter: 9n });
    expect(action).toBe('drop');
    expect(counted).toEqual({ rx: 1, answered: 1 });
    expect(heardOn(wall, 0)).toMatchObject({ answered: 9n });
    // The same once more, and one to somebody else, are not believed.
    for (const said of [
      { nonce: LIFE, counter: 9n },
      { nonce: 1n, counter: 10n },
    ]) {
      const again = run({ kind: ProbeWire.PROBE_ANSWERS, ...said });
      expect(again.counted).toEqual({ rx: 1, 'probe-auth': 1 });
    }
  });

  it('may be signed with either key while both count', () => {
    setPair(wall, { keys: 3 });
    const { bytes, counted } = run({ key: 1, signedWith: OTHER_KEY });
    expect(counted).toEqual({ rx: 1, answered: 1 });
    expect(readProbe(bytes, OTHER_KEY).genuine).toBe(true);
    setPair(wall, { keys: 1 });
    expect(run({ key: 1, signedWith: OTHER_KEY, counter: 2000n }).counted).toEqual({
      rx: 1,
      'probe-auth': 1,
    });
  });

  it.each<[string, { epoch: number; awake?: bigint; first?: number }, Said, boolean]>([
    ['a higher epoch', { epoch: 7 }, { epoch: 8 }, true],
    ['a lower epoch', { epoch: 9 }, { epoch: 8 }, false],
    ['the higher priority', { epoch: 8 }, { epoch: 8, priority: 101 }, true],
    ['the lower priority', { epoch: 8 }, { epoch: 8, priority: 99 }, false],
    ['the first name', { epoch: 8, first: 0 }, { epoch: 8 }, true],
    ['the last name', { epoch: 8, first: 1 }, { epoch: 8 }, false],
    [
      'a higher epoch that is no active',
      { epoch: 7 },
      { epoch: 8, role: RoleFlags.STANDBY },
      false,
    ],
    ['a dead daemon', { epoch: 7 }, { epoch: 8, flags: 0 }, false],
    ['a daemon, where ours is dead', { epoch: 9, awake: 1n }, { epoch: 8 }, true],
  ])(
    'an active that hears one with %s yields or not, in that very packet',
    (_, own, said, yields) => {
      const { epoch, ...settings } = own;
      wall.setStandby(false, epoch);
      setPair(wall, settings);
      const { bytes } = run({ counter: 1n, ...said });
      expect(role()).toEqual({ standby: yields, epoch });
      expect(readProbe(bytes).role).toBe(yields ? RoleFlags.STANDBY : 0);
    },
  );

  it.each<[string, Said]>([
    ['a tag of another key', { signedWith: OTHER_KEY }],
    ['this node itself as sender', { node: SELF }],
    ['somebody else as sender', { node: 5 }],
    ['the other side', { path: 1 }],
    ['the sync link as path', { path: ProbeWire.PROBE_SYNC }],
    ['another version', { version: 2 }],
    ['no magic number', { magic: 1 }],
    ['a kind that is none', { kind: 3 }],
    ['a key that does not count', { key: 1, signedWith: OTHER_KEY }],
    ['a key that is none', { key: 2 }],
  ])('with %s is dropped and changes nothing', (_, said) => {
    wall.setStandby(false, 1);
    const before = everythingHeard(wall);
    const { action, counted, bytes } = run({ epoch: 100, ...said });
    expect({ action, counted }).toEqual({ action: 'drop', counted: { rx: 1, 'probe-auth': 1 } });
    expect(everythingHeard(wall)).toBe(before);
    expect(bytes.equals(probeFrame({ epoch: 100, ...said }))).toBe(true);
  });

  it('once heard are never believed again, nor are older ones, on any port of the side', () => {
    wall.setStandby(true, 1);
    const fresh = 5_000_000n;
    expect(run({ counter: fresh }).counted).toEqual({ rx: 1, answered: 1 });
    const before = everythingHeard(wall);
    for (const counter of [fresh, fresh - 1n, 1n]) {
      expect(run({ counter }).counted).toEqual({ rx: 1, 'probe-auth': 1 });
    }
    // A port that was deaf at the time does not believe it either, but for those on their way.
    expect(run({ counter: fresh - 20_001n }, 'up1').counted).toEqual({ rx: 1, 'probe-auth': 1 });
    expect(everythingHeard(wall)).toBe(before);
    expect(run({ counter: fresh - 10_000n }, 'up1').counted).toEqual({ rx: 1, answered: 1 });
  });

  it('are an unlisted ethertype where there is no other node, and with a tag', () => {
    forgetPair(wall);
    expect(run({}).counted).toEqual({ rx: 1, 'no-policy': 1 });
    setPair(wall);
    wall.setStandby(true);
    const frame = probeFrame();
    const tag = Buffer.from([0x81, 0, 0, 5]);
    const tagged = Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
    expect(hooks.get(hook)!.run('up0', tagged).counted).toEqual({ rx: 1, standby: 1 });
  });

  it('that are cut short or too long by a trailer', () => {
    wall.setStandby(true);
    const hooked = hooks.get(hook)!;
    const short = probeFrame().subarray(0, 60);
    expect(hooked.run('up0', short).counted).toEqual({ rx: 1, 'probe-auth': 1 });
    const long = Buffer.concat([probeFrame(), Buffer.alloc(30, 7)]);
    const { bytes, counted } = hooked.run('up0', long);
    expect(counted).toEqual({ rx: 1, answered: 1 });
    expect(bytes.length).toBe(long.length);
    expect(readProbe(bytes).genuine).toBe(true);
  });

  it('without a key on this side are refused, and noted', () => {
    wall.setStandby(true);
    setPair(wall, { keys: 0 });
    expect(run({}).counted).toEqual({ rx: 1, 'probe-auth': 1 });
    expect(heardOn(wall, 0).strange).toBeGreaterThan(0n);
    expect(heardOn(wall, 0).at).toBe(0n);
  });
});

it('are explained without a trace', () => {
  wall.setStandby(false, 1);
  const before = everythingHeard(wall);
  expect(explainer.explain('up0', probeFrame({ epoch: 9 }))).toMatchObject({ reason: 'none' });
  const forged = probeFrame({ signedWith: OTHER_KEY });
  expect(explainer.explain('up0', forged)).toMatchObject({ action: 'drop', reason: 'probe-auth' });
  expect(everythingHeard(wall)).toBe(before);
});

it(`by chance are worth nothing: ${FORGERIES} of them, drawn at random or heard before`, () => {
  wall.setStandby(false, 3);
  const heard = probeFrame({ counter: 1_000_000n, epoch: 2 });
  const hooked = hooks.get('xdp')!;
  hooked.run('up0', heard);
  const before = everythingHeard(wall);
  const tally = wall.tally();
  const seed = String(chance('PROBE_SEED'));
  process.stdout.write(`  PROBE_SEED=${seed}\n`);
  for (let n = 0; n < FORGERIES; n++) {
    const frame = Buffer.from(heard);
    if (n % 2 === 0) {
      // A better active than any, under a tag out of the air.
      const noise = createHash('sha256').update(`${seed}:${n}`).digest();
      frame.writeUInt32BE(0xffffffff, 14 + 16);
      noise.copy(frame, 14 + 32, 0, 8);
      noise.copy(frame, 14 + 48, 8, 16);
    }
    hooked.throwAt('up0', frame);
  }
  expect(everythingHeard(wall)).toBe(before);
  const after = wall.tally();
  expect(after.rx - tally.rx).toBe(FORGERIES);
  expect((after.dropped['probe-auth'] ?? 0) - (tally.dropped['probe-auth'] ?? 0)).toBe(FORGERIES);
}, 300_000);
