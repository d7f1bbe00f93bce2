/** What was forwarded and not sent is counted at the port it should have left by, in this node only. */
import { afterEach, expect, it } from 'vitest';
import { Bench, CLIENT, policy, received, SERVER } from '../daemon/bench.js';

const benches: Bench[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close();
});

async function stand(): Promise<Bench> {
  const bench = new Bench('xdp');
  benches.push(bench);
  await bench.start();
  await bench.apply(policy([]));
  expect(await bench.pings()).toBe(2);
  return bench;
}

it('counts frames that the driver would not take', async () => {
  const [bench, other] = [await stand(), await stand()];
  const failed = async (of: Bench) => (await of.api.ports()).map((port) => port.counters.txFailed);
  expect(await failed(bench)).toEqual([0, 0]);
  // Neither asks after the other seconds later: the client's answer would be one more frame not sent.
  bench.client.ip('neigh', 'change', SERVER.v4, 'dev', 'e0', 'nud', 'permanent');
  bench.server.ip('neigh', 'change', CLIENT.v4, 'dev', 'e0', 'nud', 'permanent');
  const ping = async (count: number) => {
    const args = ['ping', '-q', '-i', '0.01', '-W', '1', '-c', String(count), SERVER.v4];
    return received((await bench.client.run(args)).stdout);
  };
  // Without NAPI at the other end a veth takes no redirected frame.
  bench.server.exec('ethtool', '-K', 'e0', 'gro', 'off');
  expect(await ping(5)).toBe(0);
  expect(await failed(bench)).toEqual([0, 5]);
  expect((await bench.api.status()).counters.txFailed).toBe(5);
  // A port that is down is no way out at all.
  bench.wall.ip('link', 'set', 'dn0', 'down');
  const carrier = async () => (await bench.api.ports()).map((port) => port.carrier);
  await expect.poll(carrier).toEqual([true, false]);
  expect(await ping(3)).toBe(0);
  expect(await failed(bench)).toEqual([0, 5]);
  expect((await bench.api.status()).counters.dropped).toMatchObject({ carrier: 3 });
  expect(await failed(other)).toEqual([0, 0]);
});
