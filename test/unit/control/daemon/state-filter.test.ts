import { describe, expect, it } from 'vitest';
import { filterText, stateSelection } from '../../../../src/control/daemon/state-filter.js';
import { UNBOUND } from '../../../../src/control/policy/bindings.js';
import { readAddress, readPrefix } from '../../../../src/control/policy/index.js';
import { NO_LIMIT } from '../../../../src/control/policy/limits.js';
import type { PlanHost } from '../../../../src/control/policy/plan.js';
import type { StateFilter } from '../../../../src/control/service.js';
import { Phase } from '../../../../src/generated/layouts.js';

function host(name: string, ...addresses: string[]): PlanHost {
  const position = { file: 'p', line: 1, column: 1 };
  return { name, addresses, limit: NO_LIMIT, position, binding: UNBOUND };
}

const names = {
  hosts: [host('mail', '2001:db8::5'), host('dns', '192.0.2.1')],
  slotOf: (id: string) => (id === 'mail-smtp' ? 7 : undefined),
};
const selection = (filter: StateFilter) => stateSelection(filter, names);
const own = (address: string) => [readAddress(address)];

describe('stateSelection', () => {
  it('has what was asked for, and nothing else', () => {
    expect(selection({})).toEqual({});
    expect(selection({ proto: 'tcp', phase: 'established', vlan: 7, family: 6 })).toEqual({
      ...{ proto: 6, phase: Phase.ESTABLISHED, vlan: 7, family: 6 },
    });
    expect(selection({ direction: 'transit', rule: 'mail-smtp' })).toEqual({
      ...{ half: 'transit', rule: 7 },
    });
    expect(selection({ older: 90, younger: 91.5, idle: 0, expires: 3 })).toEqual({
      ...{ older: 90, younger: 91.5, idle: 0, expires: 3 },
    });
  });

  it('tells either end from the one that opened the connection', () => {
    expect(selection({ port: 25, address: '10.0.0.0/24', host: 'dns' })).toEqual({
      either: { port: 25, prefix: readPrefix('10.0.0.0/24'), addresses: own('192.0.2.1') },
    });
    expect(selection({ src: '2001:DB8:0::/64', sport: 0, dst: 'mail', dport: 25 })).toEqual({
      source: { port: 0, prefix: readPrefix('2001:db8::/64') },
      destination: { port: 25, addresses: own('2001:db8::5') },
    });
  });

  it.each<[StateFilter, RegExp]>([
    [{ address: '10.0.0' }, /not an address/],
    [{ src: 'web' }, /web is not an address or prefix|not an address/],
    [{ host: 'web' }, /no host web/],
    [{ phase: 'open' }, /phases are syn-sent, .*both-ways, mid-stream$/],
    [{ phase: 'dying' }, /no phase/],
    [{ proto: 'http' }, /not a protocol/],
    [{ vlan: 4095 }, /vlan 4095 is not between 1 and 4094/],
    [{ vlan: 0 }, /vlan 0 is not between/],
    [{ port: -1 }, /port -1 is not between/],
    [{ sport: 65536 }, /sport 65536 is not between/],
    [{ dport: 1.5 }, /dport 1.5 is not between/],
    [{ family: 5 }, /family 5: 4 or 6/],
    [{ direction: 'up' }, /up is no direction: in, out, transit/],
    [{ rule: 'nope' }, /there is no rule nope; counters --rules/],
    [{ older: -1 }, /older -1: seconds/],
    [{ idle: Number.NaN }, /idle NaN: seconds/],
    [{ expires: 1e300 }, /expires 1e\+300: seconds/],
  ])('refuses %j', (filter, why) => {
    expect(() => selection(filter)).toThrow(why);
  });
});

it('says what was asked for', () => {
  expect(filterText({ host: 'mail', port: 25 })).toBe('host=mail port=25');
});
