/** What the control plane has the kernel do with live states, beside what the packet path does with them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as layouts from '../../src/generated/layouts.js';
import { icmp } from '../packet/index.js';
import {
  dropped,
  type Endpoint,
  forwarded,
  handshake,
  known,
  mail,
  packet,
  partner,
  segment,
  stranger,
} from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { FrameStep } from './fixtures/types.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { liveStates } from './harness/states.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const SMTP = 25;
const SUBMISSION = 587;
/** SMTP from partners only; submission under another id. */
const STRICT = CAMPUS.replace(
  '25/tcp: {from: any, id: mail-smtp}',
  '25/tcp: {from: partners, id: mail-smtp}',
).replace('id: mail-submission', 'id: renamed');

let wall: TestWall;
let runner: TestRuns;

beforeAll(() => {
  wall = new TestWall(layCables());
  runner = new TestRuns(wall, 'xdp');
});
afterAll(() => {
  runner.close();
  wall.close();
});

const send = (...steps: FrameStep[]) =>
  expect(steps.flatMap((step) => runner.send(step))).toEqual([]);
const echo = (from: Endpoint, to: Endpoint, identifier: number) =>
  packet(from, to, icmp({ type: 8, id: identifier }));
const data = (sport: number) => segment(stranger, mail, sport, SMTP, 'PA', { data: 'MAIL' });
const cut = () => wall.passes.cut();

/** Three of a stranger's that STRICT refuses, one of them half open, and three that it allows. */
beforeEach(() => {
  wall.reset({}, planOf(CAMPUS));
  send(...known(stranger, partner, mail));
  send(...handshake(stranger, mail, 40000, SMTP), ...handshake(stranger, mail, 40001, SMTP));
  send(forwarded(segment(stranger, mail, 40002, SMTP, 'S'), mail));
  send(...handshake(partner, mail, 40000, SUBMISSION));
  send(forwarded(segment(partner, mail, 40001, SUBMISSION, 'S'), mail));
  send(forwarded(echo(stranger, mail, 7), mail));
});

describe('a policy that allows less', () => {
  it('is counted before it is installed, and cuts just that, silent or not', async () => {
    expect(await wall.countCut(planOf(CAMPUS))).toBe(0);
    expect(await wall.countCut(planOf(STRICT))).toBe(3);
    expect(await cut()).toBe(0);
    send(forwarded(data(40000), mail));
    wall.install(planOf(STRICT));
    expect(await cut()).toBe(3);
    const left = liveStates(wall);
    expect(left.map(({ src, sport }) => `${src} ${sport}`).sort()).toEqual(
      [`${partner.ip} 40000`, `${partner.ip} 40001`, `${stranger.ip} 7`].sort(),
    );
    // Pending states get their new rules with their next packets.
    const established = left.filter((state) => state.established);
    expect(established.map(({ rules }) => rules.in)).toEqual(['renamed']);
    send(dropped(data(40000), 'no-state'));
    expect(await cut()).toBe(0);
  });

  it('is counted as the packet path cuts, connection by connection', async () => {
    wall.install(planOf(STRICT));
    const before = liveStates(wall).length;
    send(dropped(data(40000), 'no-in'), dropped(data(40001), 'no-in'));
    expect(before - liveStates(wall).length).toBe(2);
    expect(await wall.countCut(planOf(STRICT))).toBe(1);
    expect(await cut()).toBe(1);
  });

  it('leaves what it accepts judged: no packet has to do it again', async () => {
    wall.install(planOf(STRICT));
    await cut();
    const { epoch } = layouts.cell.decode(wall.map('cell').lookup(Buffer.alloc(4))!);
    const epochs = [...wall.map('established').entries()].flatMap(({ values, count }) =>
      Array.from({ length: count }, (_, i) =>
        layouts.state.decode(values, i * layouts.state.size),
      ).filter(({ word }) => (word & layouts.StateBits.PHASE) !== layouts.Phase.DYING),
    );
    expect(epochs.map((state) => state.epoch)).toEqual([epoch]);
    send(forwarded(segment(partner, mail, 40000, SUBMISSION, 'PA', { data: 'x' }), mail));
  });

  it('cuts nothing while it is on trial, and afterwards what it refused', async () => {
    wall.installOnTrial(planOf(STRICT), 30);
    expect(await cut()).toBe(0);
    expect(liveStates(wall)).toHaveLength(6);
    expect(wall.confirm()).toBe(true);
    expect(await cut()).toBe(3);
  });

  it('that was taken back cuts what only it allowed', async () => {
    wall.reset({}, planOf(STRICT));
    send(...known(stranger, mail));
    wall.installOnTrial(planOf(CAMPUS), 30);
    send(...handshake(stranger, mail, 40000, SMTP));
    expect(await cut()).toBe(0);
    wall.setClock(30);
    expect(await cut()).toBe(1);
    send(dropped(data(40000), 'no-state'));
  });
});

describe('members', () => {
  it('cut the live states of their address, and only those', async () => {
    wall.setMember('badguys', stranger.ip, {});
    expect(await cut()).toBe(4);
    expect(liveStates(wall).map(({ src }) => src)).toEqual([partner.ip, partner.ip]);
  });

  it('of a group are none of another that takes its bit', async () => {
    wall.setMember('badguys', stranger.ip, {});
    wall.setMember('badguys', partner.ip, {});
    const other = CAMPUS.replaceAll('badguys', 'others');
    expect(await wall.countCut(planOf(other))).toBe(0);
    expect(await wall.countCut(planOf(CAMPUS))).toBe(6);
  });
});

it('no policy refuses every frame, and ends no connection', async () => {
  wall
    .map('generations')
    .update(
      Buffer.from(
        Uint32Array.of(layouts.cell.decode(wall.map('cell').lookup(Buffer.alloc(4))!).slot).buffer,
      ),
      Buffer.alloc(layouts.generation.size),
    );
  expect(await cut()).toBe(0);
  expect(liveStates(wall)).toHaveLength(6);
  // What other tests reset stands in a slot that is empty now.
  wall.reset();
});
