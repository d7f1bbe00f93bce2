import { describe, expect, it } from 'vitest';
import { frameOf, portOf } from '../../../../src/control/daemon/query.js';
import { formatAddress } from '../../../../src/control/policy/address.js';
import type { PlanHost } from '../../../../src/control/policy/plan.js';
import type { ExplainQuery } from '../../../../src/control/service.js';

const position = { file: 'p.yaml', line: 1, column: 1 };
const hosts: PlanHost[] = [
  { name: 'mail', addresses: ['2001:db8::25', '192.0.2.25'], position },
  { name: 'old', addresses: ['192.0.2.99'], position },
];

function query(o: Partial<ExplainQuery> = {}): ExplainQuery {
  return {
    protocol: 'tcp',
    source: '10.0.0.1',
    sourcePort: 40000,
    destination: 'mail',
    destinationPort: 25,
    icmpType: 0,
    port: '',
    ...o,
  };
}

const ends = (o: Partial<ExplainQuery>) => {
  const { source, destination } = frameOf(query(o), hosts);
  return `${formatAddress(source)} ${formatAddress(destination)}`;
};

describe('frameOf', () => {
  it('takes the address of a host that has the family of the other end', () => {
    expect(ends({})).toBe('10.0.0.1 192.0.2.25');
    expect(ends({ source: '2001:db8::1' })).toBe('2001:db8::1 2001:db8::25');
    expect(ends({ source: 'old', destination: 'mail' })).toBe('192.0.2.99 192.0.2.25');
    expect(ends({ source: 'mail', destination: 'mail' })).toBe('192.0.2.25 192.0.2.25');
  });

  it('lets the protocol decide between the families of a host', () => {
    expect(ends({ source: 'mail', protocol: 'icmp6' })).toBe('2001:db8::25 2001:db8::25');
    expect(ends({ source: 'mail', protocol: 'icmp' })).toBe('192.0.2.25 192.0.2.25');
  });

  it.each([
    [{ source: '2001:db8::1', destination: 'old' }, /no addresses of one family/],
    [{ source: '2001:db8::1', protocol: 'icmp' }, /no addresses of one family/],
    [{ source: 'nobody' }, /nobody is neither a host of the policy nor an address/],
    [{ source: '010.0.0.1' }, /neither a host/],
    [{ protocol: 'tpc' }, /tpc is not a protocol/],
    [{ protocol: '256' }, /256 is not a protocol/],
    [{ destinationPort: 70000 }, /port 70000 is not between 0 and 65535/],
    [{ icmpType: 256 }, /icmp type 256/],
  ])('refuses %j', (o, message) => {
    expect(() => frameOf(query(o), hosts)).toThrow(message);
  });
});

describe('portOf', () => {
  const ports = [
    { name: 'up0', side: 'uplink' },
    { name: 'up1', side: 'uplink' },
    { name: 'dn0', side: 'inside' },
  ] as const;

  it('takes the port that was asked for, else the first of the side of the source', () => {
    expect(portOf('up1', ports, true).name).toBe('up1');
    expect(portOf('', ports, true).name).toBe('dn0');
    expect(portOf('', ports, false).name).toBe('up0');
  });

  it('names the ports there are', () => {
    expect(() => portOf('eth9', ports, false)).toThrow(/no port eth9; ports are up0, up1, dn0/);
  });
});
