/** Whatever somebody changes about a wall that stands is put right, and told. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { endChild } from '../../../src/lab/netns.js';
import { Bench, CLIENT, type Daemon, LiveConnection, policy, SERVER } from '../daemon/bench.js';

const WITHIN = { timeout: 5000, interval: 20 };

let bench: Bench;
let daemon: Daemon;

async function stand(attach: string): Promise<void> {
  bench = new Bench(attach);
  await bench.serve(80);
  daemon = await bench.start();
  await bench.apply(policy([80]));
  expect(await bench.pings()).toBe(2);
}

afterEach(() => bench.close());

/** Waits until the daemon has told of a repair. */
async function told(pattern: RegExp): Promise<void> {
  await expect.poll(() => daemon.log, WITHIN).toMatch(pattern);
}

function master(port: string): string {
  return /master (\S+)/.exec(bench.wall.ip('link', 'show', port))?.[1] ?? '';
}

/** A port's device goes, and another of its name comes, with the server behind it. */
function replug(mac: string[] = []): void {
  const address = mac.length === 0 ? [] : ['address', ...mac];
  bench.wall.ip('link', 'delete', 'dn0');
  bench.wall.ip(
    'link',
    'add',
    'dn0',
    ...address,
    'type',
    'veth',
    'peer',
    'name',
    'e0',
    'netns',
    bench.server.id,
  );
  bench.server.ip('address', 'add', `${SERVER.v4}/24`, 'dev', 'e0');
  bench.server.ip('link', 'set', 'e0', 'up');
  bench.server.exec('ethtool', '-K', 'e0', 'tx', 'off', 'gro', 'on');
  bench.wall.ip('link', 'set', 'dn0', 'up');
}

describe.each(['tc', 'xdp'])('a port that goes away and comes back, in %s', (attach) => {
  beforeEach(() => stand(attach));

  it('is a port again, with its number and its counters', async () => {
    const before = (await bench.api.ports())[1]!;
    bench.wall.ip('link', 'delete', 'dn0');
    await told(/the device of a port is gone/);
    expect(await bench.pings(undefined, 1)).toBe(0);
    // The first one is gone already.
    bench.wall.ip('link', 'add', 'dn0', 'type', 'veth', 'peer', 'name', 'other');
    await told(/its device came back/);
    replug();
    await expect.poll(() => master('dn0'), WITHIN).toBe('br0');
    bench.client.ip('neigh', 'flush', 'all');
    await expect.poll(() => bench.pings(undefined, 1), { timeout: 20_000 }).toBe(1);
    const after = (await bench.api.ports())[1]!;
    expect(after).toMatchObject({ name: 'dn0', mode: attach });
    expect(after.ifindex).not.toBe(before.ifindex);
    expect(after.counters.rx).toBeGreaterThan(before.counters.rx);
    expect(bench.wall.exec('nft', 'list', 'table', 'netdev', 'bridgewall_fw_1')).toMatch(
      /devices = .*dn0/,
    );
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
  });
});

describe('a wall that is meddled with', () => {
  beforeEach(() => stand('xdp'));

  it('has its programs put back, each of them', async () => {
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('before')).toBe(true);
    const links = join(bench.pins, 'fw-1', 'links');
    for (const hook of ['xdp', 'tcx', 'gate']) {
      rmSync(join(links, `${hook}-0`));
      await told(new RegExp(`its ${hook} program was off`));
    }
    bench.wall.exec('tc', 'qdisc', 'delete', 'dev', 'up0', 'clsact');
    await told(/its tc program was off/);
    bench.wall.exec('tc', 'filter', 'delete', 'dev', 'dn0', 'ingress');
    await expect
      .poll(() => bench.wall.exec('tc', 'filter', 'show', 'dev', 'dn0', 'ingress'), WITHIN)
      .toContain('tc_wall');
    expect(await connection.echoes('after')).toBe(true);
    expect((await bench.api.status()).attach.map((port) => port.mode)).toEqual(['xdp', 'xdp']);
  });

  it('takes its port back from an XDP program that is not its own', async () => {
    const pinned = new PinSet(bench.pins, 'fw-1').program('explain_wall');
    rmSync(join(bench.pins, 'fw-1', 'links', 'xdp-0'));
    bench.wall.exec(
      'bpftool',
      'net',
      'attach',
      'xdpgeneric',
      'pinned',
      pinned,
      'dev',
      'up0',
      'overwrite',
    );
    await told(/its xdp program was off/);
    const mode = async () => (await bench.api.status()).attach[0]!.mode;
    await expect.poll(mode, WITHIN).toBe('xdp');
    expect(await bench.pings()).toBe(2);
  });

  it('has its bridge put back', async () => {
    const { wall } = bench;
    wall.ip('link', 'set', 'dn0', 'nomaster');
    await expect.poll(() => master('dn0'), WITHIN).toBe('br0');
    wall.exec('bridge', 'link', 'set', 'dev', 'up0', 'learning', 'on', 'flood', 'off');
    await told(/learning was on, or flooding off/);
    wall.ip('link', 'set', 'br0', 'type', 'bridge', 'stp_state', '1', 'mcast_snooping', '1');
    await told(/STP was on/);
    await told(/multicast snooping or VLAN filtering was on/);
    wall.sysctl('net.ipv6.conf.up0.disable_ipv6', 0);
    wall.sysctl('net.bridge.bridge-nf-call-iptables', 1);
    await told(/IPv6 was on/);
    await told(/bridged frames went through the IP hooks/);
    wall.ip('link', 'add', 'stray', 'type', 'veth', 'peer', 'name', 'other');
    wall.ip('link', 'set', 'stray', 'master', 'br0');
    await expect.poll(() => master('stray'), WITHIN).toBe('');
    wall.ip('link', 'delete', 'br0');
    await expect.poll(() => [master('up0'), master('dn0')], WITHIN).toEqual(['br0', 'br0']);
    bench.client.ip('neigh', 'flush', 'all');
    await expect.poll(() => bench.pings(undefined, 1), { timeout: 20_000 }).toBe(1);
  });

  it('is whole again once nobody deletes its tables any longer', async () => {
    const whole = bench.wall.exec('nft', '-s', 'list', 'ruleset');
    const loop = 'while :; do nft delete table bridge bridgewall_fw_1 2>/dev/null; done';
    const meddler = bench.wall.spawn(['sh', '-c', loop], { stdio: 'ignore' });
    await expect.poll(() => daemon.log, { timeout: 30_000 }).toMatch(/others change the rules/);
    await endChild(meddler, 1000);
    const ruleset = () => bench.wall.exec('nft', '-s', 'list', 'ruleset');
    await expect.poll(ruleset, { timeout: 20_000 }).toBe(whole);
    // The bridge opens once the rest of the look has found all well.
    await expect.poll(() => bench.pings(), { timeout: 20_000 }).toBe(2);
  });

  it('knows its own address when that changes', async () => {
    const mac = '02:00:00:00:99:01';
    bench.wall.ip('link', 'set', 'up0', 'address', mac);
    await told(/its MAC address is/);
    bench.client.ip(
      'neigh',
      'replace',
      '10.9.0.77',
      'lladdr',
      mac,
      'dev',
      'e0',
      'nud',
      'permanent',
    );
    await bench.pings('10.9.0.77', 1);
    expect((await bench.api.status()).counters.dropped.self).toBeGreaterThan(0);
    expect(await bench.pings(CLIENT.v4, 1, bench.server)).toBe(0);
  });

  it('leaves a port alone that an operator has shut down', async () => {
    bench.wall.ip('link', 'set', 'dn0', 'down');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(bench.wall.ip('link', 'show', 'dn0')).toMatch(/state DOWN/);
    expect(daemon.log).not.toMatch(/repaired/);
  });
});
