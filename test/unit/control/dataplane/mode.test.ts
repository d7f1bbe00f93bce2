import { describe, expect, it } from 'vitest';
import { firstMode, tcInstead } from '../../../../src/control/dataplane/mode.js';

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
