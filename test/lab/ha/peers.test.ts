/** What the wall is measured beside works: else its figures would mean nothing. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { announceItself } from '../../../bench/ha/chatter.js';
import { KernelStp, LEAST_TIMERS } from '../../../bench/ha/peers/kernel-stp.js';
import { SeedPair } from '../../../bench/ha/peers/seed-pair.js';
import { Lab } from '../../../src/lab/netns.js';
import { Crowd, serveEchoes } from '../../../src/lab/pair/crowd.js';
import { SERVER } from '../../../src/lab/pair/pair-net.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

describe('a pair of kernel bridges with spanning tree', () => {
  let lab: Lab;
  let pair: KernelStp;

  const answers = async () =>
    (await pair.net.client.run(['ping', '-c', '1', '-W', '1', SERVER.v4])).status === 0;

  beforeAll(async () => {
    lab = new Lab();
    pair = await KernelStp.build(lab, LEAST_TIMERS);
    announceItself(pair.net.server, SERVER);
  });
  afterAll(() => lab?.close());

  it('lets traffic through its root', async () => {
    expect(await pair.settled()).toBe('fw1');
    await expect.poll(answers, { timeout: 20_000 }).toBe(true);
  });

  it('switches when the operator says so, and when a cable is pulled', async () => {
    await pair.takeOver('fw2');
    await pair.becomes('fw2');
    expect(await pair.settled()).toBe('fw2');
    await expect.poll(answers, { timeout: 20_000 }).toBe(true);
    pair.net.unplug('fw2', 'uplink');
    await pair.becomes('fw1');
    await expect.poll(answers, { timeout: 20_000 }).toBe(true);
  });
});

describe("the seed's pair", () => {
  let lab: Lab;
  let pair: SeedPair;

  const COUNT = 50;
  const established = async (node: 'fw1' | 'fw2') => {
    const args = ['conntrack', '-L', '-p', 'tcp', '--state', 'ESTABLISHED', '-d', SERVER.v4];
    const { stdout } = await pair.net.nodes[node].run(args);
    return stdout.split('\n').filter((line) => line !== '').length;
  };

  beforeAll(async () => {
    lab = new Lab();
    pair = await SeedPair.build(lab, LEAST_TIMERS);
    announceItself(pair.net.server, SERVER);
  });
  afterAll(() => lab?.close());

  it('puts the connections of the other node into its kernel when keepalived says so', async () => {
    expect(await pair.start()).toBe('fw1');
    await serveEchoes(pair.net.server);
    const crowd = new Crowd(pair.net.client);
    await crowd.open(SERVER.v4, 80, COUNT);
    await crowd.ask();
    expect(await established('fw1')).toBe(COUNT);
    await expect
      .poll(async () => (await pair.conntrackd.fw2.known()).external, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(COUNT);
    // None has passed there, and none passes now: what its kernel gets to know, it got from conntrackd.
    expect(await established('fw2')).toBe(0);
    pair.net.silence('fw1');
    await expect.poll(() => established('fw2'), { timeout: 60_000 }).toBe(COUNT);
    await pair.becomes('fw2');
    const { owing, ended } = await crowd.ask(60_000);
    expect([owing, ended]).toEqual([0, 0]);
  });
});
