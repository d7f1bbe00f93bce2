/** A wall of an older version is upgraded while connections live and packets pass. */
import { afterEach, describe, expect, it } from 'vitest';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { Bench, policy, received, SERVER } from '../daemon/bench.js';
import { Crowd } from './crowd.js';
import { type Fixture, makeOlder } from './older.js';

const CONNECTIONS = Number(process.env.UPGRADE_CONNECTIONS ?? 1000);
const PINGS = 1500;

describe('an older wall under a newer daemon', () => {
  let bench: Bench;
  let crowd: Crowd | undefined;

  afterEach(async () => {
    await crowd?.close();
    crowd = undefined;
    await bench.close();
  });

  async function olderWall(attach: string, fixture: Fixture): Promise<string> {
    bench = new Bench(attach);
    await bench.serve(80);
    await bench.start();
    await bench.apply(policy([80]));
    await bench.api.setAdd('badguys', ['192.0.2.1', '192.0.2.2'], null);
    await bench.kill();
    const tag = makeOlder(bench, fixture);
    expect(await bench.pings()).toBe(2);
    return tag;
  }

  it.each([
    ['tc', 'first'],
    ['xdp', 'first'],
    ['tc', 'reordered'],
    ['xdp', 'reordered'],
    ['xdp', 'windowed'],
    ['xdp', 'today'],
  ] as const)('loses nothing in %s, from the layouts called %s', async (attach, fixture) => {
    const from = await olderWall(attach, fixture);
    crowd = await Crowd.open(bench, CONNECTIONS);
    expect(await crowd.echoes()).toBe(CONNECTIONS);

    const pinging = bench.client.run([
      ...['ping', '-q', '-i', '0.002', '-c', String(PINGS), '-W', '2', SERVER.v4],
    ]);
    const chatter = crowd.chatter();
    const daemon = await bench.start();
    await chatter.stop();
    expect(daemon.log).toContain('upgraded the running dataplane');
    // Whether or not the older one took frames of several buffers.
    expect(daemon.log).toContain('"atOnce":true');
    expect(await crowd.echoes()).toBe(CONNECTIONS);
    expect(received((await pinging).stdout)).toBe(PINGS);
    expect(crowd.lost()).toBe(0);

    const pins = new PinSet(bench.pins, 'fw-1');
    expect(pins.completeTag()).not.toBe(from);
    expect([pins.retiring(), pins.strays()]).toEqual([undefined, []]);
    const status = await bench.api.status();
    expect(status).toMatchObject({ generation: 1, policy: { rules: 3 } });
    expect(status.states.established).toBeGreaterThanOrEqual(CONNECTIONS);
    expect(await bench.api.sets()).toMatchObject([{ name: 'badguys', members: 2 }]);
    const { rules } = await bench.api.counters({ rules: true });
    const web = rules.find((each) => each.rule.service === '80/tcp');
    expect(web?.connections).toBe(CONNECTIONS);
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
    if (attach === 'xdp') {
      for (const [end, port] of [
        [bench.client, 'up0'],
        [bench.server, 'dn0'],
      ] as const) {
        bench.wall.ip('link', 'set', port, 'mtu', '9000');
        end.ip('link', 'set', 'e0', 'mtu', '9000');
      }
      const ping = ['ping', '-q', '-M', 'do', '-s', '8900', '-c', '3', '-i', '0.2', SERVER.v4];
      await expect.poll(async () => received((await bench.client.run(ping)).stdout)).toBe(3);
    }
  });
});
