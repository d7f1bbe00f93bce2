/** `ha: {manager: external}`: two nodes, and a real keepalived that decides. Times are printed, never asserted. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Lab } from '../../../src/lab/netns.js';
import { Crowd, serveEchoes } from '../../../src/lab/pair/crowd.js';
import { Pair } from '../../../src/lab/pair/pair.js';
import { NODES, type NodeName, otherOf, SERVER } from '../../../src/lab/pair/pair-net.js';
import { pingDuring } from '../ha/pulse.js';
import { Keepalived } from './keepalived.js';

const WITHIN = { timeout: 30_000, interval: 50 };
const ONE = /^(active,standby|standby,active)$/;
const CONNECTIONS = 200;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

describe('a pair that keepalived manages', () => {
  let lab: Lab;
  let pair: Pair;
  let crowd: Crowd;
  let keepalived: Record<NodeName, Keepalived>;

  const states = async () => {
    const all = await Promise.all(
      NODES.map((node) =>
        pair.clients[node].ha().then(
          ({ state }) => state,
          () => 'gone',
        ),
      ),
    );
    return all.join();
  };
  const becomes = async (wanted: RegExp) => {
    const deadline = Date.now() + WITHIN.timeout;
    for (let seen = ''; !wanted.test(seen); seen = await states()) {
      if (Date.now() > deadline) throw new Error(`the nodes are ${seen}`);
      await sleep(WITHIN.interval);
    }
  };
  /** One is active, and the other one could be. */
  const whole = async (): Promise<NodeName> => {
    await becomes(ONE);
    return await pair.settled();
  };
  /** All connections say a word, and pings run, all the while that something happens. */
  const during = async (what: string, work: () => Promise<void>) => {
    const talking = async () => {
      await crowd.talk(CONNECTIONS);
      await work();
    };
    const pulse = await pingDuring(pair.net.client, SERVER.v4, what, talking, WITHIN);
    await crowd.talk(0);
    const report = await crowd.ask(60_000);
    expect(report).toMatchObject({ open: CONNECTIONS, ended: 0, resets: 0, owing: 0 });
    return pulse;
  };

  const tell = () => {
    for (const node of NODES) {
      const words = `${keepalived[node].log}\n${pair.walls[node].lastWords(8)}`;
      process.stdout.write(`--- ${node}\n${words}\n`);
    }
  };

  beforeAll(async () => {
    lab = new Lab('keepalived');
    pair = await Pair.build(lab, { attach: 'tc', ha: 'manager: external' });
    await pair.raise();
    const make = (node: NodeName) =>
      new Keepalived({
        lab,
        node,
        namespace: pair.net.nodes[node],
        socket: pair.walls[node].socket,
      });
    keepalived = { fw1: make('fw1'), fw2: make('fw2') };
    expect(await states()).toMatch(/^(standby|joining),(standby|joining)$/);
    for (const node of NODES) keepalived[node].start();
    await whole().catch((error) => {
      tell();
      throw error;
    });
    await serveEchoes(pair.net.server);
    crowd = new Crowd(pair.net.client);
    await crowd.open(SERVER.v4, 80, CONNECTIONS);
  }, 120_000);
  afterEach(({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const node of NODES) {
      process.stdout.write(
        `--- ${node}\n${keepalived[node].log}\n${pair.walls[node].lastWords(8)}\n`,
      );
    }
  });
  afterAll(() => lab.close());

  it('goes where keepalived goes that is stopped', async () => {
    const active = await whole();
    await during('keepalived stopped', async () => {
      await keepalived[active].stop();
      await pair.becomes(otherOf(active));
    });
    keepalived[active].start();
    await sleep(3000);
    expect(await whole()).toBe(otherOf(active));
  });

  it('goes to the other one when keepalived is killed, and there is one active', async () => {
    const active = await whole();
    await during('keepalived killed', async () => {
      await keepalived[active].kill();
      await pair.becomes(otherOf(active));
      await becomes(ONE);
    });
    keepalived[active].start();
    await sleep(3000);
    expect(await whole()).toBe(otherOf(active));
  });

  it('stays when the daemon of the active dies: its packet path goes on', async () => {
    const active = await whole();
    await during('daemon killed', async () => {
      await pair.walls[active].kill();
      await sleep(5000);
      await pair.walls[active].start();
    });
    expect(await whole()).toBe(active);
  });

  it.each(['uplink', 'inside'] as const)('goes when the %s link goes', async (side) => {
    const active = await whole();
    await during(`${side} link down`, async () => {
      pair.net.unplug(active, side);
      await pair.becomes(otherOf(active));
    });
    expect((await pair.clients[active].ha()).state).toBe('fault');
    pair.net.plug(active, side);
    expect(await whole()).toBe(otherOf(active));
  });

  it('goes when the active loses its power, and stays when that is back', async () => {
    const active = await whole();
    await during('power cut', async () => {
      pair.net.silence(active);
      await pair.becomes(otherOf(active));
      await sleep(1000);
      // It never heard that it lost: for a moment both keepalived are masters.
      pair.net.restore(active);
    });
    await whole();
  });

  it('has one active node all the while that the nodes do not see each other', async () => {
    await whole();
    await during('sync link cut', async () => {
      for (const node of NODES) pair.net.unplug(node, 'sync');
      await sleep(2000);
      // Both keepalived are masters: of the nodes one is active all the same.
      for (let looks = 0; looks < 20; looks++) {
        expect(await states()).toMatch(/^(active,(standby|joining)|(standby|joining),active)$/);
        await sleep(50);
      }
      for (const node of NODES) pair.net.plug(node, 'sync');
    });
    await whole();
  });

  it('goes when nothing gets through the ports of the active, carrier or not', async () => {
    const active = await whole();
    await during('dead ports', async () => {
      for (const side of ['uplink', 'inside'] as const) pair.net.deafen(active, side);
      await pair.becomes(otherOf(active));
    });
    pair.net.heal();
    expect(await whole()).toBe(otherOf(active));
  });

  it('goes on while the one that shall follow has no daemon, and then goes', async () => {
    const active = await whole();
    const standby = otherOf(active);
    await during('no daemon to follow', async () => {
      await pair.walls[standby].kill();
      await keepalived[active].stop();
      await sleep(2000);
      expect((await pair.clients[active].ha()).state).toBe('active');
      // Nobody tells it again what was decided while it was not there.
      await pair.walls[standby].start();
      await whole();
      keepalived[active].start();
      await pair.becomes(standby);
    });
    expect(await whole()).toBe(standby);
  });
});
