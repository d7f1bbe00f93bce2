import { afterEach, describe, expect, it } from 'vitest';
import { Bench, EventEar, LiveConnection, policy } from './bench.js';

/** Ports of the running wall with the mode that each is in. */
async function modes(bench: Bench): Promise<[string, string][]> {
  return (await bench.api.status()).attach.map(({ port, mode }) => [port, mode]);
}

/** A third port, whose device may go and come back. */
function plug(bench: Bench): void {
  bench.wall.ip('link', 'add', 'dn1', 'type', 'veth', 'peer', 'name', 'e1');
  bench.wall.ip('link', 'set', 'e1', 'up');
}

describe('a daemon over a standing wall', () => {
  let bench: Bench;
  let attach: string;

  const stand = async (mode: string): Promise<void> => {
    attach = mode;
    bench = new Bench(attach);
    plug(bench);
    bench.configure({
      attach,
      ports: '[{name: dn1, side: inside}, {name: up0, side: uplink}, {name: dn0, side: inside}]',
    });
    await bench.serve(80, 25);
    await bench.start();
    await bench.apply(policy([80]));
    await bench.kill();
  };
  afterEach(() => bench.close());

  it.each(['tc', 'xdp'])('goes on without a port whose device is gone, in %s', async (mode) => {
    await stand(mode);
    bench.wall.ip('link', 'del', 'dn1');
    const daemon = await bench.start();
    expect(daemon.log).toMatch(/"port":"dn1"[^\n]*the device of a port is gone/);
    expect(await modes(bench)).toEqual([
      ['dn1', 'none'],
      ['up0', attach],
      ['dn0', attach],
    ]);
    expect((await bench.api.status()).attach[0]!.why).toBe('its device is gone');
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('before')).toBe(true);

    const ear = await EventEar.listen(bench.api);
    plug(bench);
    await expect.poll(() => modes(bench), { timeout: 10_000 }).toContainEqual(['dn1', attach]);
    await expect.poll(() => bench.wall.ip('link', 'show', 'dn1')).toContain('master br0');
    await expect
      .poll(() => ear.of('repaired').map(({ port }) => port), { timeout: 10_000 })
      .toContain('dn1');
    ear.close();
    expect(await connection.echoes('after')).toBe(true);
    const numbers = (await bench.api.ports()).map(({ name }) => name);
    expect(numbers).toEqual(['dn1', 'up0', 'dn0']);
  });

  it('has tc judge what comes from a port that refuses XDP, and says so', async () => {
    await stand('xdp');
    bench.wall.ip('link', 'del', 'dn1');
    const daemon = await bench.start();
    // With more queues at its peer than it has itself, a veth takes no XDP program.
    const peer = ['peer', 'name', 'e1', 'numtxqueues', '2'];
    bench.wall.ip('link', 'add', 'new', 'numrxqueues', '1', 'type', 'veth', ...peer);
    bench.wall.exec('ethtool', '-L', 'e1', 'tx', '2');
    bench.wall.ip('link', 'set', 'e1', 'up');
    bench.wall.ip('link', 'set', 'new', 'name', 'dn1');
    await expect.poll(() => modes(bench), { timeout: 10_000 }).toContainEqual(['dn1', 'tc']);
    await expect.poll(() => bench.wall.ip('link', 'show', 'dn1')).toContain('master br0');
    const { why } = (await bench.api.status()).attach[0]!;
    expect(why).toBe('xdp was attached, the kernel has tc: frames are judged there');
    expect(daemon.log).toContain('the wall cannot be put right; trying on');
    expect(await bench.connects(80)).toBe(true);
  });

  it('takes a port back that was put into another bridge', async () => {
    await stand('tc');
    bench.wall.ip('link', 'add', 'br1', 'type', 'bridge');
    bench.wall.ip('link', 'set', 'dn1', 'master', 'br1');
    const daemon = await bench.start();
    expect(daemon.log).toContain('port dn1 already belongs to br1; taken all the same');
    expect(bench.wall.ip('link', 'show', 'dn1')).toContain('master br0');
    expect(await bench.connects(80)).toBe(true);
  });

  it('stands up again when bridge and every port are gone, and come back', async () => {
    await stand('generic');
    for (const device of ['dn1', 'br0']) bench.wall.ip('link', 'del', device);
    for (const device of ['up0', 'dn0']) bench.wall.ip('link', 'set', device, 'name', `x${device}`);
    await bench.start();
    expect((await modes(bench)).map(([, mode]) => mode)).toEqual(['none', 'none', 'none']);
    for (const device of ['up0', 'dn0']) bench.wall.ip('link', 'set', `x${device}`, 'name', device);
    await expect
      .poll(() => modes(bench), { timeout: 10_000 })
      .toEqual([
        ['dn1', 'none'],
        ['up0', attach],
        ['dn0', attach],
      ]);
    expect(await bench.pings()).toBe(2);
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
  });

  it('still refuses a port that is no part of it and is not there', async () => {
    await stand('tc');
    bench.configure({
      attach,
      ports: '[{name: dn1, side: inside}, {name: up0, side: uplink}, {name: dn7, side: inside}]',
    });
    const { status, stderr } = await bench.run();
    expect([status, stderr]).toEqual([
      1,
      'bridgewalld: there is no port dn7 in this network namespace\n',
    ]);
    expect(await bench.connects(80)).toBe(true);
  });
});
