import { describe, expect, test } from 'vitest';
import { parseFilters, parseKill, parseLimit } from '../../../src/bwctl/state-filter.js';

describe('filters', () => {
  test('in any order', () => {
    expect(
      parseFilters(['phase=established', 'proto=TCP', 'host=aquilante', 'port=25', 'address=::1']),
    ).toEqual({
      phase: 'established',
      proto: 'tcp',
      host: 'aquilante',
      port: 25,
      address: '::1',
    });
    expect(parseFilters([])).toEqual({});
    expect(parseFilters(['vlan=10', 'address=10.0.0.0/8'])).toEqual({
      vlan: 10,
      address: '10.0.0.0/8',
    });
  });

  test('of one end, of rules and of times', () => {
    const words = 'src=mail sport=25 dst=10.0.0.0/8 dport=1024 direction=out rule=5f2c family=v6';
    expect(parseFilters(words.split(' '))).toEqual({
      ...{ src: 'mail', sport: 25, dst: '10.0.0.0/8', dport: 1024 },
      ...{ direction: 'out', rule: '5f2c', family: 6 },
    });
    const times = 'older=1h younger=1d idle=90s expires=5m';
    expect(parseFilters(times.split(' '))).toEqual({
      ...{ older: 3600, younger: 86_400, idle: 90, expires: 300 },
    });
  });

  test.each([
    [['tcp'], '"tcp" is no filter'],
    [['host='], '"host=" is no filter'],
    [['colour=red'], 'is no filter'],
    [['port=x'], 'is no port'],
    [['port=1', 'port=2'], 'given twice'],
    [['proto=http'], 'is no protocol'],
    [['vlan=0'], 'is no VLAN'],
    [['vlan=4095'], 'is no VLAN'],
    [['dport=65536'], 'is no port'],
    [['family=5'], '"5" is no family; write 4 or 6'],
    [['direction=up'], '"up" is no direction; write in, out, transit'],
    [['idle=90'], '"90" has no unit; write 90s'],
    [['older=soon'], 'is no duration'],
    [['src=a', 'src=b'], 'src is given twice'],
    [['__proto__=1'], 'is no filter'],
  ])('refuses %j', (words, complaint) => {
    expect(() => parseFilters(words)).toThrow(complaint);
  });

  test('of what shall be killed', () => {
    expect(parseKill(['all'])).toEqual({ filter: {}, all: true });
    expect(parseKill(['host=mail'])).toEqual({ filter: { host: 'mail' }, all: false });
    expect(() => parseKill([])).toThrow('which connections?');
    expect(() => parseKill(['all', 'port=25'])).toThrow('all goes without filters');
    expect(() => parseKill(['everything'])).toThrow('"everything" is no filter');
  });
});

test('a limit is a number from 1', () => {
  expect(parseLimit('100')).toBe(100);
  for (const text of ['0', '-1', '1.5', 'ten', '']) {
    expect(() => parseLimit(text)).toThrow('a number from 1');
  }
});
