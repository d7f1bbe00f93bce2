import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { Bench, CLIENT, DAEMON, policy, SERVER } from './bench.js';

describe('a wall that is taken down', () => {
  let bench: Bench;

  beforeEach(async () => {
    bench = new Bench('xdp');
    const daemon = await bench.start();
    await bench.apply(policy([]));
    expect(await bench.pings()).toBe(2);
    await daemon.end('SIGTERM');
  });
  afterEach(() => bench.close());

  it('leaves nothing behind, and may be taken down again', async () => {
    expect(await bench.run('--detach')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(await bench.pings()).toBe(0);
    expect(bench.wall.exec('nft', 'list', 'ruleset')).toBe('');
    expect(bench.wall.ip('-d', 'link')).not.toMatch(/master|xdp/);
    expect(bench.wall.exec('tc', 'qdisc')).not.toContain('clsact');
    expect(bench.wall.ip('link')).not.toContain('br0');
    expect(readdirSync(bench.pins).filter((name) => !name.endsWith('.debug'))).toEqual([]);
    expect(await bench.run('--detach')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it('leaves a bridge that was there before, and qdiscs that others use', async () => {
    expect((await bench.run('--detach')).status).toBe(0);
    bench.wall.ip('link', 'add', 'br0', 'type', 'bridge');
    await (await bench.start()).end('SIGTERM');
    const program = new PinSet(bench.pins, 'fw-1').program('tc_wall');
    const mine = ['protocol', 'all', 'pref', '7', 'bpf', 'da', 'pinned', program];
    bench.wall.exec('tc', 'filter', 'add', 'dev', 'up0', 'ingress', ...mine);
    bench.wall.exec('tc', 'filter', 'add', 'dev', 'dn0', 'egress', ...mine);
    expect((await bench.run('--detach')).status).toBe(0);
    expect(bench.wall.ip('link')).toContain('br0');
    expect(bench.wall.exec('tc', 'filter', 'show', 'dev', 'up0', 'ingress')).toContain('pref 7');
    expect(bench.wall.exec('tc', 'filter', 'show', 'dev', 'dn0', 'egress')).toContain('pref 7');
    bench.wall.exec('tc', 'filter', 'delete', 'dev', 'up0', 'ingress', 'pref', '7');
    await (await bench.start()).end('SIGTERM');
    expect((await bench.run('--detach')).status).toBe(0);
    expect(bench.wall.exec('tc', 'qdisc', 'show', 'dev', 'up0')).not.toContain('clsact');
    expect(bench.wall.exec('tc', 'qdisc', 'show', 'dev', 'dn0')).toContain('clsact');
  });

  it('removes the bridge that the guard had to make anew', async () => {
    const daemon = await bench.start();
    bench.wall.ip('link', 'delete', 'br0');
    await expect
      .poll(() => bench.wall.ip('link'), { timeout: 20_000 })
      .toMatch(/up0[^\n]* master br0/);
    await daemon.end('SIGTERM');
    expect((await bench.run('--detach')).status).toBe(0);
    expect(bench.wall.ip('link')).not.toContain('br0');
  });

  it('leaves another node of the same namespace alone', async () => {
    const second = bench.secondNode(6);
    const daemon = bench.wall.spawn([DAEMON, '--config', second], { stdio: 'ignore' });
    const first = await bench.start();
    const filters = () => bench.wall.exec('tc', 'filter', 'show', 'dev', 'up9', 'ingress');
    await expect.poll(filters, { timeout: 20_000 }).toContain('tc_wall');
    const there = filters();
    await first.end('SIGTERM');
    expect((await bench.run('--detach')).status).toBe(0);
    expect(filters()).toBe(there);
    expect(bench.wall.exec('nft', 'list', 'ruleset')).toMatch(/bridgewall_fw_2/);
    expect(bench.wall.exec('nft', 'list', 'ruleset')).not.toMatch(/bridgewall_fw_1/);
    expect(readdirSync(bench.pins)).toContain('fw-2');
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
    expect((await bench.wall.run([DAEMON, '--config', second, '--detach'])).status).toBe(0);
    expect(bench.wall.exec('nft', 'list', 'ruleset')).toBe('');
  });

  it('lets nothing cross, and nothing reach the box, with every program taken off by hand', async () => {
    const node = join(bench.pins, 'fw-1');
    for (const link of readdirSync(join(node, 'links'))) rmSync(join(node, 'links', link));
    for (const port of ['up0', 'dn0']) {
      bench.wall.exec('tc', 'qdisc', 'delete', 'dev', port, 'clsact');
    }
    expect(bench.wall.ip('-d', 'link')).not.toMatch(/xdp/);
    // An address that the box would gladly answer for.
    bench.wall.ip('address', 'add', '10.9.0.9/24', 'dev', 'br0');
    expect(await bench.pings(SERVER.v4)).toBe(0);
    expect(await bench.pings(SERVER.v6)).toBe(0);
    expect(await bench.pings('10.9.0.9')).toBe(0);
    expect(await bench.pings(CLIENT.v4, 2, bench.server)).toBe(0);
    bench.client.ip('neigh', 'flush', 'all');
    expect(await bench.pings(SERVER.v4, 1)).toBe(0);
    bench.wall.ip('address', 'flush', 'dev', 'br0');

    await bench.start();
    expect((await bench.api.status()).attach.map((port) => port.mode)).toEqual(['xdp', 'xdp']);
    // Both ends have long given up on each other's MAC and ask anew in their own time.
    await expect.poll(() => bench.pings(SERVER.v4), { timeout: 20_000 }).toBe(2);
  });
});
