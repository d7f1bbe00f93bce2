import { describe, expect, it } from 'vitest';
import { neverSource, parsePolicy, readAddress } from '../../../../src/control/policy/index.js';

const refused = (text: string) => neverSource(readAddress(text) as Uint8Array) !== null;

describe('addresses that can never be a source', () => {
  it.each([
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.255', '224.0.0.1', '239.1.2.3'],
    ...['240.0.0.1', '255.255.255.255', '::', '::1', 'ff02::1', 'ffff::1'],
  ])('%s', (text) => {
    expect(refused(text)).toBe(true);
  });

  it.each([
    ...['1.0.0.1', '126.255.255.255', '128.0.0.1', '169.254.1.1', '223.255.255.255'],
    ...['::2', 'fe80::1', 'fe00::1', '2001:db8::1'],
  ])('not %s', (text) => {
    expect(refused(text)).toBe(false);
  });

  it('may stand in groups and lines, where prefixes hold them anyway', () => {
    const text = [
      'apiVersion: bridgewall/v1',
      'groups: {bogons: [127.0.0.0/8, 224.0.0.1, "::1", 0.0.0.0/0]}',
      'deny: [{to: 255.255.255.255}]',
    ].join('\n');
    expect(parsePolicy(text, 'p.yaml').groups.get('bogons')?.items).toHaveLength(4);
  });
});
