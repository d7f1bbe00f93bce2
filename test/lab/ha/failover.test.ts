/** Two daemons in one kernel: who is active, through all that may break. Times are printed, never asserted. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HaStatus, PortInfo, StatusResult } from '../../../src/control/service.js';
import { type NodeName, PairLab, SERVER } from './pair-lab.js';
import { pingDuring } from './pulse.js';

const WITHIN = { timeout: 20_000, interval: 50 };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const otherThan = (node: NodeName): NodeName => (node === 'fw1' ? 'fw2' : 'fw1');

// Every story waits for the pair to be whole before and after.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

describe('a pair under traffic', () => {
  let pair: PairLab;

  /** One is active, the other could be, and each hears the other everywhere. */
  const whole = async () => {
    await expect
      .poll(async () => {
        const all = await Promise.all((['fw1', 'fw2'] as const).map((node) => pair.status(node)));
        return all.every(
          ({ state, peer, paths, paired }) =>
            ['active', 'standby'].includes(state) &&
            paired &&
            peer.daemon &&
            peer.state !== state &&
            ['active', 'standby'].includes(peer.state) &&
            paths.every(({ up, heardMs, peerHears }) => up && heardMs !== null && peerHears),
        );
      }, WITHIN)
      .toBe(true);
    const active = await pair.active();
    await expect.poll(async () => (await pair.status(otherThan(active))).ready, WITHIN).toBe(true);
    return active;
  };
  /** Pings all the while that something happens. */
  const during = async (what: string, work: () => Promise<void>) => {
    const before = { uplink: pair.sentTo('uplink'), inside: pair.sentTo('inside') };
    const later = async () => {
      // What was learned a moment ago the other node may not know of.
      await sleep(1000);
      await work();
    };
    const pulse = await pingDuring(pair.client, SERVER, what, later, WITHIN);
    // No storm: the hosts got hardly more than they were sent. Probes and ARP are the rest.
    for (const side of ['uplink', 'inside'] as const) {
      const got = pair.sentTo(side) - before[side];
      expect(got).toBeLessThan(pulse.sent * 2 + 20_000);
    }
    return pulse;
  };

  beforeAll(async () => {
    pair = await PairLab.start();
  }, 120_000);
  afterEach(() => pair.heal());
  afterAll(() => pair.close());

  it('has one active node, and the other one knows as much', async () => {
    const active = await whole();
    const shown = await pair.walls[active].json<StatusResult>('status');
    expect(shown.role).toBe('active');
    const standby = await pair.walls[otherThan(active)].json<StatusResult>('status');
    expect(standby.role).toBe('standby');
    expect(standby.counters.answered).toBeGreaterThan(0);
    expect(standby.counters.dropped['probe-auth'] ?? 0).toBeLessThan(500);
  });

  it('has a standby that knows where the hosts are before it sees a frame of theirs', async () => {
    const active = await whole();
    await during('nothing', async () => {});
    const macs = async (node: NodeName) => {
      const ports = await pair.walls[node].json<PortInfo[]>('ports');
      return ports.map((port) => port.macs);
    };
    expect(Math.min(...(await macs(active)))).toBeGreaterThan(0);
    await expect.poll(() => macs(otherThan(active)), WITHIN).toEqual(await macs(active));
  });

  it('goes on when the active is silent, its carrier up', async () => {
    const active = await whole();
    const standby = otherThan(active);
    await during('silent death', async () => {
      pair.silence(active);
      await expect.poll(async () => (await pair.status(standby)).state, WITHIN).toBe('active');
    });
    const { epoch } = await pair.status(standby);
    pair.silence(active, false);
    await expect.poll(() => pair.states(), WITHIN).toMatch(/^(active,standby|standby,active)$/);
    expect(await whole()).toBe(standby);
    expect((await pair.status(standby)).epoch).toBe(epoch);
    expect((await pair.status(active)).state).toBe('standby');
  });

  it.each(['uplink', 'inside'] as const)(
    'hands over when the %s link of the active is down',
    async (side) => {
      const active = await whole();
      await during(`${side} link down`, async () => {
        pair.link(active, side, false);
        await expect
          .poll(async () => (await pair.status(otherThan(active))).state, WITHIN)
          .toBe('active');
      });
      expect(await pair.status(active)).toMatchObject({
        state: 'fault',
        reason: `the ${side} side has no carrier`,
      });
      pair.link(active, side, true);
      expect(await whole()).toBe(otherThan(active));
    },
  );

  it('moves on request, the one way and the other', async () => {
    const active = await whole();
    const standby = otherThan(active);
    await during('ha takeover', async () => {
      const shown = await pair.walls[standby].json<HaStatus>('ha', 'takeover');
      expect(shown.state).toBe('active');
      await expect.poll(async () => (await pair.status(active)).state, WITHIN).toBe('standby');
    });
    await whole();
    await during('ha yield', async () => {
      const shown = await pair.walls[standby].json<HaStatus>('ha', 'yield');
      expect(['standby', 'joining']).toContain(shown.state);
    });
    expect(await whole()).toBe(active);
    const refused = await pair.walls[standby].try('ha', 'yield');
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain('this node is standby, not active');
  });

  it('stays where it is when a daemon dies, is stopped, or the sync link is cut', async () => {
    const active = await whole();
    await during('daemon killed', async () => {
      await pair.walls[active].kill();
      await sleep(1500);
      const { state, peer } = await pair.status(otherThan(active));
      expect({ peer: peer.state, daemon: peer.daemon }).toEqual({ peer: 'active', daemon: false });
      expect(['standby', 'joining']).toContain(state);
      await pair.walls[active].start();
    });
    expect(await whole()).toBe(active);
    await during('active stopped', async () => {
      pair.signal(active, 'SIGSTOP');
      await sleep(1500);
      expect((await pair.status(otherThan(active))).state).not.toBe('active');
      pair.signal(active, 'SIGCONT');
    });
    expect(await whole()).toBe(active);
    await during('standby stopped', async () => {
      pair.signal(otherThan(active), 'SIGSTOP');
      await sleep(1500);
      pair.signal(otherThan(active), 'SIGCONT');
      await sleep(300);
    });
    expect(await whole()).toBe(active);
    expect((await pair.status(otherThan(active))).probes.naps).toBeGreaterThan(0);
    await during('sync link cut', async () => {
      pair.sync(false);
      await sleep(1500);
      expect((await pair.status(otherThan(active))).state).not.toBe('active');
      pair.sync(true);
    });
    expect(await whole()).toBe(active);
  });

  it('takes over from an active whose dataplane and daemon are gone with the sync link', async () => {
    const active = await whole();
    const standby = otherThan(active);
    await during('power cut', async () => {
      pair.silence(active);
      pair.sync(false);
      pair.signal(active, 'SIGSTOP');
      await expect.poll(async () => (await pair.status(standby)).state, WITHIN).toBe('active');
    });
    // It comes back, and still believes that it is active: what it hears makes it yield.
    pair.signal(active, 'SIGCONT');
    pair.sync(true);
    pair.silence(active, false);
    expect(await whole()).toBe(standby);
    expect((await pair.status(active)).state).toBe('standby');
  });

  it('starts no standby whose node file has no pair any more: it would be active at once', async () => {
    const active = await whole();
    const wall = pair.walls[otherThan(active)];
    await wall.stop();
    const file = readFileSync(wall.config, 'utf8');
    const alone = file.split('\n').filter((line) => !line.startsWith('ha:'));
    expect(alone.join('\n')).not.toBe(file);
    writeFileSync(wall.config, alone.join('\n'));
    await expect(wall.start()).rejects.toThrow('stands as the standby of a pair');
    writeFileSync(wall.config, file);
    await wall.start();
    expect(await whole()).toBe(active);
  });

  it('tells of every change, and why', async () => {
    const changes = [pair.walls.fw1, pair.walls.fw2]
      .flatMap((wall) => wall.lastWords(10_000).split('\n'))
      .filter((line) => line.includes('the role has changed'))
      .map((line) => JSON.parse(line) as { to: string; reason: string });
    expect(changes.filter(({ to }) => to === 'active').length).toBeGreaterThanOrEqual(6);
    for (const { reason } of changes) expect(reason).not.toBe('');
  });
});
