/** What the wall is measured beside works: else its figures would mean nothing. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { KernelStp, LEAST_TIMERS } from '../../../bench/ha/peers/kernel-stp.js';
import { Lab } from '../../../src/lab/netns.js';
import { SERVER } from '../../../src/lab/pair/pair-net.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe('a pair of kernel bridges with spanning tree', () => {
  let lab: Lab;
  let pair: KernelStp;

  const answers = async () =>
    (await pair.net.client.run(['ping', '-c', '1', '-W', '1', SERVER.v4])).status === 0;

  beforeAll(async () => {
    lab = new Lab();
    pair = await KernelStp.build(lab, LEAST_TIMERS);
  });
  afterAll(() => lab?.close());

  it('lets traffic through its root', async () => {
    expect(await pair.settled()).toBe('fw1');
    expect(await answers()).toBe(true);
  });

  it('switches when the operator says so, and when a cable is pulled', async () => {
    await pair.takeOver('fw2');
    await pair.becomes('fw2');
    expect(await pair.settled()).toBe('fw2');
    expect(await answers()).toBe(true);
    pair.net.unplug('fw2', 'uplink');
    await pair.becomes('fw1');
    await expect.poll(answers, { timeout: 20_000 }).toBe(true);
  });
});
