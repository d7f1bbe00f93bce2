import { describe, expect, test } from 'vitest';
import { parseDuration, parseEndpoint, parseExplain } from '../../../src/bwctl/arguments.js';

describe('endpoints', () => {
  test.each([
    ['aquilante', 'aquilante', null],
    ['aquilante:25', 'aquilante', 25],
    ['10.0.0.1', '10.0.0.1', null],
    ['10.0.0.1:0', '10.0.0.1', 0],
    ['10.0.0.1:65535', '10.0.0.1', 65535],
    ['2001:db8::1', '2001:db8::1', null],
    ['::1', '::1', null],
    ['[2001:db8::1]', '2001:db8::1', null],
    ['[2001:db8::1]:25', '2001:db8::1', 25],
  ])('%s', (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port });
  });

  test.each([
    '',
    ':25',
    'aquilante:',
    'aquilante:70000',
    'aquilante:025',
    'aquilante:-1',
    'aquilante:smtp',
    'a b:1',
    '[10.0.0.1]:25',
    '[2001:db8::1]:',
    '[2001:db8::1]:x',
  ])('refuses "%s"', (text) => {
    expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: 'EUSAGE' }));
  });
});

describe('explain', () => {
  const query = {
    protocol: 'tcp',
    source: '10.0.0.1',
    sourcePort: 40000,
    destination: 'aquilante',
    destinationPort: 25,
    icmpType: 0,
    port: '',
    vlan: [],
  };

  test('takes ports, and any client port when none is given', () => {
    expect(parseExplain('tcp', '10.0.0.1:1024', 'aquilante:25', undefined, 'up0')).toEqual({
      ...query,
      sourcePort: 1024,
      port: 'up0',
    });
    expect(parseExplain('TCP', '10.0.0.1', 'aquilante:25', undefined)).toEqual(query);
  });

  test('takes one VLAN, two, or none', () => {
    const vlan = (text: string) => parseExplain('47', 'a', 'b', undefined, '', text).vlan;
    expect(vlan('10')).toEqual([10]);
    expect(vlan('100,10')).toEqual([100, 10]);
    expect(vlan('none')).toEqual([0]);
    for (const wrong of ['0', '4095', '1,2,3', '1,', 'x']) {
      expect(() => vlan(wrong)).toThrow(expect.objectContaining({ code: 'EUSAGE' }));
    }
  });

  test('takes types of ICMP, echo request when none is given', () => {
    const icmp = { ...query, protocol: 'icmp', sourcePort: 0, destinationPort: 0, icmpType: 13 };
    expect(parseExplain('icmp', '10.0.0.1', 'aquilante', '13')).toEqual(icmp);
    expect(parseExplain('icmp', '10.0.0.1', 'aquilante', undefined).icmpType).toBe(8);
    expect(parseExplain('icmp6', '::1', 'aquilante', undefined).icmpType).toBe(128);
    expect(parseExplain('icmpv6', '::1', 'aquilante', '0')).toMatchObject({
      protocol: 'icmp6',
      icmpType: 0,
    });
  });

  test('takes protocols by number, without ports', () => {
    expect(parseExplain('47', '10.0.0.1', 'aquilante', undefined)).toEqual({
      ...query,
      protocol: '47',
      sourcePort: 0,
      destinationPort: 0,
    });
  });

  test.each([
    [['tcp', '10.0.0.1', 'aquilante', undefined], 'aquilante:25'],
    [['tcp', '10.0.0.1', '2001:db8::1', undefined], '[2001:db8::1]:25'],
    [['tcp', '10.0.0.1', 'aquilante:25', '8'], 'no message type'],
    [['icmp', '10.0.0.1:5', 'aquilante', '8'], 'has no ports'],
    [['icmp', '10.0.0.1', 'aquilante', '256'], '0 to 255'],
    [['47', '10.0.0.1', 'aquilante', '8'], 'no message type'],
    [['256', '10.0.0.1', 'aquilante', undefined], 'is no protocol'],
    [['http', '10.0.0.1', 'aquilante:80', undefined], 'is no protocol'],
  ] as const)('refuses %j', ([protocol, source, destination, type], complaint) => {
    expect(() => parseExplain(protocol, source, destination, type)).toThrow(complaint);
  });
});

test.each([
  ['90s', 90],
  ['15m', 900],
  ['1h', 3600],
  ['1h30m', 5400],
  ['7d', 604800],
])('duration %s', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(['', '90', '0s', 'h', '1w', '-1h', '1.5h', '1 h'])('refuses duration "%s"', (text) => {
  expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'EUSAGE' }));
});
