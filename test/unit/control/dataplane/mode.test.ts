import { describe, expect, it } from 'vitest';
import {
  firstMode,
  fragsTrouble,
  tcForLarge,
  tcInstead,
} from '../../../../src/control/dataplane/mode.js';

const nic = (name: string, driver = 'ixgbe') => ({ name, driver });

describe('firstMode', () => {
  it('tries native XDP on NICs', () => {
    const { mode, why } = firstMode('auto', [nic('up0'), nic('dn0')]);
    expect(mode).toBe('xdp');
    expect(why.get('up0')).toBe('xdp: ixgbe has native XDP');
  });

  it.each(['veth', 'tun', 'tap', 'virtio_net', 'e1000', 'e1000e'])('takes tc for %s', (driver) => {
    const { mode, why } = firstMode('auto', [nic('up0'), nic('dn0', driver)]);
    expect(mode).toBe('tc');
    expect(why.get('dn0')).toMatch(/^tc: .* no native XDP( worth using)?$/);
    expect(why.get('up0')).toBe(`tc: one mode for all ports, and dn0 is ${driver}`);
  });

  it.each(['xdp', 'generic', 'tc'] as const)('does as it is told: %s', (wish) => {
    const { mode, why } = firstMode(wish, [nic('up0', 'veth')]);
    expect(mode).toBe(wish);
    expect(why.get('up0')).toBe(`${wish}: asked for by attach: ${wish}`);
  });

  it('names the port that refused', () => {
    const ports = [nic('up0'), nic('dn0', 'tg3')];
    const { mode, why } = tcInstead(ports, ports[1]!, 'Operation not supported');
    expect(mode).toBe('tc');
    expect(why.get('dn0')).toBe('tc: tg3 refused native XDP (Operation not supported)');
    expect(why.get('up0')).toBe('tc: one mode for all ports, and dn0 refused native XDP');
  });
});

describe('fragsTrouble', () => {
  const port = (name: string, mtu: number, more = {}) => ({
    ...{ name, mtu, takes: true, sends: true },
    ...more,
  });
  const up0 = port('up0', 9000);

  it('is none where every other port sends what a port brings', () => {
    expect(fragsTrouble([up0, port('dn0', 9000)])).toBeUndefined();
    expect(fragsTrouble([port('up0', 1500), port('dn0', 1500, { sends: false })])).toBeUndefined();
    expect(fragsTrouble([up0])).toBeUndefined();
  });

  it('is none where the driver has one buffer for every frame', () => {
    const plain = { takes: false, sends: false };
    expect(fragsTrouble([port('up0', 3000, plain), port('dn0', 3000, plain)])).toBeUndefined();
  });

  it('names the ports', () => {
    const trouble =
      'frames from up0 (MTU 9000) may take several buffers, which XDP cannot send by dn1';
    const ports = [up0, port('dn0', 9000), port('dn1', 1500, { sends: false })];
    expect(fragsTrouble(ports)).toBe(trouble);
    const { mode, why } = tcForLarge([nic('up0'), nic('dn0')], trouble);
    expect(mode).toBe('tc');
    expect(why.get('dn0')).toBe(`tc: ${trouble}`);
  });
});
