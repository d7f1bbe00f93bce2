import { describe, expect, it } from 'vitest';
import { foreignPort } from '../../../../src/control/daemon/ownership.js';

const config = {
  node: 'fw-1',
  bridge: {
    name: 'br0',
    ports: [
      { name: 'up0', side: 'uplink' },
      { name: 'dn0', side: 'inside' },
    ],
    stp: 'off',
    reserved: { bpdu: 'forward', lldp: 'drop', lacp: 'drop', eapol: 'drop' },
  },
} as const;

describe('whose a port is', () => {
  const own = { node: 'fw-1', ports: ['up0', 'dn0'] };
  const other = (...ports: string[]) => ({ node: 'fw-2', ports });

  it('nobody else’s when no tables, its own or those of other ports are loaded', () => {
    expect(foreignPort(config, [], ['up0', 'x0'])).toBeNull();
    expect(foreignPort(config, [own, other('up9')], ['up0', 'dn0'])).toBeNull();
  });

  it('another node’s, whose tables guard it', () => {
    expect(foreignPort(config, [other('dn0', 'up9')], [])).toBe(
      'port dn0 belongs to node fw-2; take that wall down first: bridgewalld --detach --config FILE, with the node file of fw-2',
    );
    expect(foreignPort(config, [own, other('up9')], ['up0', 'up9'])).toMatch(
      /^port up9 of bridge br0 belongs to node fw-2; /,
    );
  });

  it('this node’s as well, when both guard it', () => {
    expect(foreignPort(config, [own, other('up0')], ['up0'])).toBeNull();
  });
});
