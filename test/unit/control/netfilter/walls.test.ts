import { describe, expect, it } from 'vitest';
import { parseTables, parseWall } from '../../../../src/control/netfilter/walls.js';

const listing = (...items: unknown[]) => JSON.stringify({ nftables: [{ metainfo: {} }, ...items] });

describe('walls by their tables', () => {
  it('are those of our name in our families', () => {
    const tables = [
      { family: 'bridge', name: 'bridgewall_fw_1', handle: 1 },
      { family: 'netdev', name: 'bridgewall_fw_1', handle: 2 },
      { family: 'inet', name: 'bridgewall_fw_1', handle: 3 },
      { family: 'bridge', name: 'other', handle: 4 },
    ];
    expect(parseTables(listing(...tables.map((table) => ({ table }))))).toEqual([
      { family: 'netdev', name: 'bridgewall_fw_1' },
      { family: 'bridge', name: 'bridgewall_fw_1' },
    ]);
    expect(parseTables('{}')).toEqual([]);
  });

  it('name their ports in the set and in the devices of the chain, and their node in the log', () => {
    const rule = { expr: [{ log: { prefix: 'bridgewall:fw-1', group: 5 } }, { accept: null }] };
    const set = { family: 'bridge', name: 'ports', elem: ['up0', 'dn0'] };
    expect(parseWall(listing({ set }, { chain: { name: 'input' } }, { rule }))).toEqual({
      node: 'fw-1',
      ports: ['up0', 'dn0'],
    });
    expect(parseWall(listing({ chain: { name: 'ingress', dev: 'up0' } }))).toEqual({
      node: undefined,
      ports: ['up0'],
    });
    expect(parseWall(listing({ chain: { name: 'ingress', dev: ['up0', 'dn0'] } })).ports).toEqual([
      'up0',
      'dn0',
    ]);
  });
});
