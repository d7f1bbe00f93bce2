import { describe, expect, it } from 'vitest';
import { filterText, stateMatcher } from '../../../../src/control/daemon/state-filter.js';
import type { StateEntry } from '../../../../src/control/service.js';

const state: StateEntry = {
  ...{ proto: 'tcp', src: '10.0.0.1', sport: 40000, dst: '2001:db8::5', dport: 25, vlan: [10, 7] },
  ...{
    phase: 'established',
    pickedUp: false,
    age: 1,
    timeout: 1,
    rules: { out: null, in: null, transit: null },
  },
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
    [{ address: '10.0.0.0/24' }, true],
    [{ address: '10.0.1.0/24' }, false],
    [{ address: '::/0', proto: '6' }, true],
    [{ vlan: 7 }, true],
    [{ vlan: 8 }, false],
    [{ host: 'mail', phase: 'syn-sent' }, false],
  ])('%j: %s', (filter, expected) => {
    expect(stateMatcher(filter, hosts)(state)).toBe(expected);
  });

  it('refuses what cannot be', () => {
    expect(() => stateMatcher({ address: '10.0.0' }, hosts)).toThrow(/not an address/);
    expect(() => stateMatcher({ host: 'web' }, hosts)).toThrow(/no host web/);
    expect(() => stateMatcher({ phase: 'open' }, hosts)).toThrow(
      /phases are syn-sent, .*both-ways, mid-stream$/,
    );
    expect(() => stateMatcher({ phase: 'dying' }, hosts)).toThrow(/no phase/);
    expect(() => stateMatcher({ proto: 'http' }, hosts)).toThrow(/not a protocol/);
    expect(() => stateMatcher({ vlan: 4095 }, hosts)).toThrow(/vlan 4095 is not between/);
    expect(() => stateMatcher({ port: -1 }, hosts)).toThrow(/port -1 is not between/);
  });
});

it('says what was asked for', () => {
  expect(filterText({ host: 'mail', port: 25 })).toBe('host=mail port=25');
});
