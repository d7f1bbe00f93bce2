import { describe, expect, it } from 'vitest';
import { stateMatcher } from '../../../../src/control/daemon/state-filter.js';
import type { StateEntry } from '../../../../src/control/service.js';

const state: StateEntry = {
  ...{ proto: 'tcp', src: '10.0.0.1', sport: 40000, dst: '2001:db8::5', dport: 25, vlan: [] },
  ...{ phase: 'established', age: 1, timeout: 1, rules: { out: null, in: null, transit: null } },
};
const hosts = [
  { name: 'mail', addresses: ['2001:db8::5'], position: { file: 'p', line: 1, column: 1 } },
  { name: 'dns', addresses: ['192.0.2.1'], position: { file: 'p', line: 2, column: 1 } },
];

describe('stateMatcher', () => {
  it.each([
    [{}, true],
    [{ proto: 'tcp', phase: 'established' }, true],
    [{ proto: 'udp' }, false],
    [{ port: 25 }, true],
    [{ port: 40000, host: 'mail' }, true],
    [{ port: 26 }, false],
    [{ address: '2001:DB8:0::5' }, true],
    [{ address: '10.0.0.2' }, false],
    [{ host: 'dns' }, false],
    [{ host: 'mail', phase: 'syn-sent' }, false],
  ])('%j: %s', (filter, expected) => {
    expect(stateMatcher(filter, hosts)(state)).toBe(expected);
  });

  it('refuses what cannot be', () => {
    expect(() => stateMatcher({ address: '10.0.0' }, hosts)).toThrow(/not an address/);
    expect(() => stateMatcher({ host: 'web' }, hosts)).toThrow(/no host web/);
  });
});
