import { describe, expect, it } from 'vitest';
import {
  BridgeError,
  type Link,
  type LinkFacts,
  surveyLinks,
} from '../../../../src/control/bridge/index.js';

const wanted = {
  name: 'br0',
  ports: [
    { name: 'up0', side: 'uplink' },
    { name: 'dn0', side: 'inside' },
  ],
  stp: 'off',
  reserved: { bpdu: 'forward', lldp: 'drop', lacp: 'drop', eapol: 'drop' },
} as const;

function link(name: string, ifindex: number, more: Partial<Link> = {}): Link {
  return {
    name,
    ifindex,
    mac: `02:00:00:00:00:0${ifindex}`,
    mtu: 1500,
    carrier: true,
    up: true,
    master: 0,
    kind: '',
    portKind: '',
    portState: 'none',
    stp: false,
    maxAge: 0,
    hardware: 1,
    flags: 1,
    vlanFiltering: false,
    tuned: true,
    ...more,
  };
}

const facts = (links: Link[], more: Partial<LinkFacts> = {}): LinkFacts => ({
  links,
  addresses: [],
  defaultRoutes: new Set(),
  ...more,
});

function refused(found: LinkFacts, force = false): [string, string][] {
  try {
    surveyLinks(found, wanted, { force });
  } catch (error) {
    if (error instanceof BridgeError) {
      return error.problems.map((problem) => [problem.code, problem.link]);
    }
    throw error;
  }
  throw new Error('was accepted');
}

describe('a survey', () => {
  it('finds ports in the order of the node file, and no bridge yet', () => {
    const survey = surveyLinks(facts([link('dn0', 3), link('up0', 2)]), wanted, { force: false });
    expect(survey.ports.map((port) => port.name)).toEqual(['up0', 'dn0']);
    expect(survey).toMatchObject({ bridge: undefined, strangers: [] });
  });

  it('finds strangers among the ports of its own bridge only', () => {
    const links = [
      link('br0', 9, { kind: 'bridge' }),
      link('up0', 2, { master: 9 }),
      link('dn0', 3),
      link('x0', 4, { master: 9 }),
      link('y0', 5, { master: 8 }),
      link('z0', 6),
    ];
    const survey = surveyLinks(facts(links), wanted, { force: false });
    expect(survey.bridge?.name).toBe('br0');
    expect(survey.strangers.map((stranger) => stranger.name)).toEqual(['x0']);
  });

  it('reports everything at once', () => {
    const links = [link('br0', 9, { kind: 'veth' }), link('dn0', 3, { master: 7 })];
    expect(refused(facts(links))).toEqual([
      ['name-clash', 'br0'],
      ['port-missing', 'up0'],
      ['port-in-bridge', 'dn0'],
    ]);
  });

  it('refuses what is no Ethernet port', () => {
    const links = [
      link('up0', 2, { hardware: 512 }),
      link('dn0', 3, { kind: 'bridge' }),
      link('br0', 9, { kind: 'bridge', master: 4 }),
    ];
    expect(refused(facts(links), true)).toEqual([
      ['port-in-bridge', 'br0'],
      ['port-unfit', 'up0'],
      ['port-unfit', 'dn0'],
    ]);
  });

  it('lets force take addresses and routes, and nothing else', () => {
    const address = {
      family: 4,
      address: '192.0.2.1',
      prefixLength: 24,
      linkLocal: false,
    } as const;
    const used = {
      addresses: [
        { ...address, ifindex: 2 },
        { ...address, ifindex: 3, linkLocal: true },
      ],
      defaultRoutes: new Set([3]),
    };
    const both = [link('up0', 2), link('dn0', 3)];
    expect(refused(facts(both, used))).toEqual([
      ['has-address', 'up0'],
      ['has-default-route', 'dn0'],
    ]);
    expect(surveyLinks(facts(both, used), wanted, { force: true }).ports).toHaveLength(2);
    expect(refused(facts([link('up0', 2)], used), true)).toEqual([['port-missing', 'dn0']]);
  });

  it('overlooks addresses and routes of a wall that stands, where they are part of it', () => {
    const address = {
      family: 4,
      address: '192.0.2.1',
      prefixLength: 24,
      linkLocal: false,
    } as const;
    const used = {
      addresses: [2, 9].map((ifindex) => ({ ...address, ifindex })),
      defaultRoutes: new Set([9]),
    };
    const bridge = link('br0', 9, { kind: 'bridge' });
    const joined = [bridge, link('up0', 2, { master: 9 }), link('dn0', 3, { master: 9 })];
    const standing = { force: false, standing: new Set(['up0', 'dn0']) };
    expect(
      surveyLinks(facts(joined, used), wanted, standing).overlooked.map(({ message }) => message),
    ).toEqual([
      'br0 has the address 192.0.2.1/24',
      'br0 carries the default route',
      'up0 has the address 192.0.2.1/24',
    ]);
    const outside = facts([bridge, link('up0', 2), link('dn0', 3, { master: 9 })], used);
    expect(surveyLinks(outside, wanted, standing).overlooked).toHaveLength(3);
    const newPort = { force: false, standing: new Set(['dn0']) };
    expect(() => surveyLinks(outside, wanted, newPort)).toThrow(
      /^up0 has the address 192\.0\.2\.1\/24 \(--force takes it all the same\)$/,
    );
    expect(refused(facts(joined, used))).toEqual([
      ['has-address', 'br0'],
      ['has-default-route', 'br0'],
      ['has-address', 'up0'],
    ]);
  });

  it('goes on without a port of a wall that stands whose device is gone', () => {
    const standing = { force: false, standing: new Set(['up0', 'dn0']) };
    const bridge = link('br0', 9, { kind: 'bridge' });
    const left = facts([bridge, link('dn0', 3, { master: 9 })]);
    const survey = surveyLinks(left, wanted, standing);
    expect([survey.ports.map(({ name }) => name), survey.absent]).toEqual([['dn0'], ['up0']]);
    expect(surveyLinks(facts([]), wanted, standing).absent).toEqual(['up0', 'dn0']);
    expect(() => surveyLinks(left, wanted, { force: false, standing: new Set(['dn0']) })).toThrow(
      /^there is no port up0 in this network namespace$/,
    );
  });

  it('takes a port of a wall that stands back from another bridge', () => {
    const other = link('br1', 8, { kind: 'bridge' });
    const bridge = link('br0', 9, { kind: 'bridge' });
    const links = [bridge, other, link('up0', 2, { master: 8 }), link('dn0', 3, { master: 9 })];
    const survey = surveyLinks(facts(links), wanted, {
      force: false,
      standing: new Set(['up0', 'dn0']),
    });
    expect(survey.ports).toHaveLength(2);
    expect(survey.overlooked).toEqual([
      { code: 'port-in-bridge', link: 'up0', message: 'port up0 already belongs to br1' },
    ]);
    expect(refused(facts(links))).toEqual([['port-in-bridge', 'up0']]);
  });
});
