import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from './bench.js';

describe('a first start that fails once its guard is up', () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench('xdp');
    bench.wall.ip('link', 'add', 'br0', 'type', 'bridge');
    for (const port of ['up0', 'dn0']) bench.wall.ip('link', 'set', port, 'master', 'br0');
    // A veth takes no native XDP while its peer sends by more queues than it receives by.
    bench.server.exec('ethtool', '-L', 'e0', 'tx', '2');
  });
  afterEach(() => bench.close());

  const portsOfBridge = () =>
    bench.wall.ip('-o', 'link', 'show', 'master', 'br0').trim().split('\n').length;

  it('leaves a bridge that stood without a wall as it was', async () => {
    const { status, stderr } = await bench.run();
    expect([status, stderr]).toEqual([1, expect.stringContaining('cannot attach in xdp mode')]);
    expect(portsOfBridge()).toBe(2);
    expect(bench.wall.exec('nft', 'list', 'tables')).toBe('');
    expect(bench.wall.exec('tc', 'qdisc')).not.toContain('clsact');
    expect(bench.wall.exec('find', bench.pins, '-mindepth', '1', '-type', 'd')).toBe('');
  });

  it('leaves tables that stood: they keep the bridge shut, whatever became of the pins', async () => {
    bench.configure({ attach: 'tc' });
    const daemon = await bench.start();
    await daemon.end('SIGTERM');
    bench.wall.exec('rm', '-r', `${bench.pins}/fw-1`);
    bench.configure({ attach: 'xdp' });
    expect(await bench.run()).toMatchObject({ status: 1 });
    expect(portsOfBridge()).toBe(2);
    expect(bench.wall.exec('nft', 'list', 'tables')).toContain('bridge bridgewall_fw_1');
    expect(await bench.pings()).toBe(0);
  });
});
