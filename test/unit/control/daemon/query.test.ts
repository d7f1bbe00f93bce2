import { describe, expect, it } from 'vitest';
import { boundPort, frameOf, portOf } from '../../../../src/control/daemon/query.js';
import { formatAddress } from '../../../../src/control/policy/address.js';
import { type Binding, UNBOUND } from '../../../../src/control/policy/bindings.js';
import { NO_LIMIT } from '../../../../src/control/policy/limits.js';
import type { PlanHost } from '../../../../src/control/policy/plan.js';
import type { ExplainQuery } from '../../../../src/control/service.js';

const position = { file: 'p.yaml', line: 1, column: 1 };
function host(name: string, addresses: string[], binding: Partial<Binding> = {}): PlanHost {
  return { name, addresses, limit: NO_LIMIT, position, binding: { ...UNBOUND, ...binding } };
}
const hosts: PlanHost[] = [
  host('mail', ['2001:db8::25', '192.0.2.25']),
  host('old', ['192.0.2.99']),
  host('red', ['192.0.2.7'], { vlan: [10, 0], port: 'dn0', mac: '02:00:00:00:00:07' }),
  host('blue', ['192.0.2.7'], { vlan: [20, 30] }),
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
    vlan: [],
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

  const place = (o: Partial<ExplainQuery>) => {
    const { vlan, sourceMac } = frameOf(query(o), hosts);
    return { vlan, sourceMac };
  };

  it('is in the VLANs that were asked for, else in those of its source, of its destination, in none', () => {
    expect(place({})).toEqual({ vlan: [0, 0], sourceMac: null });
    expect(place({ destination: 'blue' })).toEqual({ vlan: [20, 30], sourceMac: null });
    expect(place({ source: 'blue', destination: 'red' }).vlan).toEqual([20, 30]);
    expect(place({ source: 'old', destination: 'red' }).vlan).toEqual([10, 0]);
    expect(place({ destination: '192.0.2.7' }).vlan).toEqual([10, 0]);
    expect(place({ destination: 'red', vlan: [0] }).vlan).toEqual([0, 0]);
    expect(place({ destination: 'red', vlan: [5, 6] }).vlan).toEqual([5, 6]);
  });

  it('has the MAC that its source is bound to in its VLANs', () => {
    const mac = '02:00:00:00:00:07';
    expect(place({ source: 'red', destination: 'old' }).sourceMac).toBe(mac);
    expect(place({ source: '192.0.2.7', vlan: [10] }).sourceMac).toBe(mac);
    expect(place({ source: '192.0.2.7', vlan: [20, 30] }).sourceMac).toBe(null);
    expect(place({ source: '192.0.2.7', vlan: [0] }).sourceMac).toBe(null);
  });

  it('enters by the port that its source is bound to', () => {
    expect(boundPort(frameOf(query({ source: 'red', destination: 'old' }), hosts), hosts)).toBe(
      'dn0',
    );
    expect(boundPort(frameOf(query({ source: 'blue', destination: 'old' }), hosts), hosts)).toBe(
      '',
    );
    expect(boundPort(frameOf(query(), hosts), hosts)).toBe('');
  });

  it.each([
    [{ vlan: [4095] }, /vlan 4095 is not between 1 and 4094/],
    [{ vlan: [5, 0] }, /vlan 0 is not between 1 and 4094/],
    [{ vlan: [1, 2, 3] }, /two tags at most/],
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
    expect(portOf('', ports, true, 'up1').name).toBe('up1');
    expect(portOf('up0', ports, true, 'up1').name).toBe('up0');
    expect(portOf('', ports, true, 'dn9').name).toBe('dn0');
  });

  it('names the ports there are', () => {
    expect(() => portOf('eth9', ports, false)).toThrow(/no port eth9; ports are up0, up1, dn0/);
  });
});
