/** `state.timeouts` of the node file, over a wall that stands. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, policy } from './bench.js';

describe('timeouts of the node file', () => {
  let bench: Bench;

  const pings = async () => {
    const found = [];
    for await (const batch of bench.api.states({ proto: 'icmp' })) found.push(...batch);
    return found;
  };

  beforeAll(async () => {
    bench = new Bench();
    await bench.start();
    await bench.apply(policy([]));
  });
  afterAll(() => bench.close());

  it('hold from a restart on, for connections that stand as well', async () => {
    expect(await bench.pings()).toBe(2);
    const [before] = await pings();
    expect(before!.timeout).toBeLessThanOrEqual(30);
    bench.configure({ state: '{timeouts: {icmp: 1h}}' });
    await bench.restart();
    const [after] = await pings();
    expect(after).toMatchObject({ src: before!.src, sport: before!.sport });
    expect(after!.timeout).toBeGreaterThan(3000);
  });

  it('end what has been silent for longer than they say now', async () => {
    expect(await pings()).toHaveLength(1);
    bench.configure({ state: '{timeouts: {icmp: 1s}}' });
    await bench.restart();
    await expect.poll(pings, { timeout: 20_000 }).toEqual([]);
    const count = async () => (await bench.api.status()).states.established;
    await expect.poll(count, { timeout: 20_000 }).toBe(0);
  });
});
