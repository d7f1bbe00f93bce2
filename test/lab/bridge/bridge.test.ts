import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { frame, type Inside, type Listener, WallLab } from '../netfilter/wall-lab.js';

let lab: WallLab;

beforeEach(() => {
  lab = new WallLab('bridge', 3);
});

afterEach(() => lab.close());

/** Prepares the bridge; the guard is only noted, so that what the bridge does by itself is seen. */
async function prepare({ bridge, config }: Inside, o: { text: string; force?: boolean }) {
  const node = config.parseNodeConfig(o.text, 'node.yaml');
  const links = new bridge.Links();
  const mastersBefore: number[] = [];
  try {
    const made = await bridge.prepareBridge(links, node, {
      force: o.force ?? false,
      beforeJoin: async (survey) => {
        mastersBefore.push(...survey.ports.map((port) => port.master));
      },
    });
    return { ...made, mastersBefore };
  } finally {
    links.close();
  }
}

async function release({ bridge, config }: Inside, text: string) {
  const links = new bridge.Links();
  try {
    return await bridge.releaseBridge(links, config.parseNodeConfig(text, 'node.yaml'));
  } finally {
    links.close();
  }
}

function bridgePort(name: string): Record<string, unknown> {
  const [port] = JSON.parse(lab.wall.exec('bridge', '-d', '-j', 'link', 'show', 'dev', name));
  return port;
}

function setting(name: string): string {
  return lab.wall.exec('sysctl', '-n', name).trim();
}

describe('preparing a bridge', () => {
  it('makes it, quiet, with every port flooding and none learning', async () => {
    const { bridge, ports, removed, mastersBefore } = await lab.inside(prepare, {
      text: lab.nodeFile,
    });
    expect(mastersBefore).toEqual([0, 0, 0]);
    expect(removed).toEqual([]);
    expect(bridge).toMatchObject({ name: 'br0', kind: 'bridge', up: true });
    expect(bridge.mac).toBe(ports.map((port) => port.mac).sort()[0]);
    expect(ports.map((port) => port.name)).toEqual(['p1', 'p2', 'p3']);
    for (const port of ports) {
      expect(port).toMatchObject({ master: bridge.ifindex, up: true, carrier: true, kind: 'veth' });
      expect(port.portState).toBe('forwarding');
      expect(bridgePort(port.name)).toMatchObject({
        learning: false,
        flood: true,
        mcast_flood: true,
        hairpin: false,
      });
      expect(setting(`net.ipv6.conf.${port.name}.disable_ipv6`)).toBe('1');
    }
    expect(setting('net.ipv6.conf.br0.disable_ipv6')).toBe('1');
    const [made] = JSON.parse(lab.wall.ip('-d', '-j', 'link', 'show', 'br0'));
    expect(made.linkinfo.info_data).toMatchObject({ stp_state: 0, mcast_snooping: 0 });
    for (const family of ['iptables', 'ip6tables', 'arptables']) {
      expect(setting(`net.bridge.bridge-nf-call-${family}`)).toBe('0');
    }
  });

  it('sends no frame of its own', async () => {
    const listeners: Listener[] = [];
    for (const port of lab.ports) listeners.push(await lab.listen(port));
    await lab.inside(prepare, { text: lab.nodeFile });
    // A bridge with IPv6 or a querier speaks within its first second.
    await setTimeout(1500);
    lab.send('p1', frame({ mark: 0x77777777 }));
    for (const listener of listeners.slice(1)) await listener.until('77777777');
    for (const listener of listeners) {
      const own = listener.frames.filter((line) => line !== 'ready' && !line.includes('77777777'));
      expect(own).toEqual([]);
    }
  });

  it('may be done again, and takes strangers out', async () => {
    const first = await lab.inside(prepare, { text: lab.nodeFile });
    lab.wall.ip('link', 'add', 'x1', 'type', 'veth', 'peer', 'name', 'x2');
    lab.wall.ip('link', 'set', 'x1', 'master', 'br0');
    lab.wall.ip('link', 'set', 'br0', 'type', 'bridge', 'stp_state', '1', 'mcast_snooping', '1');
    const again = await lab.inside(prepare, { text: lab.nodeFile });
    expect(again.removed).toEqual(['x1']);
    expect(again.bridge.ifindex).toBe(first.bridge.ifindex);
    expect(again.bridge.mac).toBe(first.bridge.mac);
    const [made] = JSON.parse(lab.wall.ip('-d', '-j', 'link', 'show', 'br0'));
    expect(made.linkinfo.info_data).toMatchObject({ stp_state: 0, mcast_snooping: 0 });
    expect(lab.wall.ip('-o', 'link', 'show', 'master', 'br0').split('\n')).toHaveLength(4);
  });

  it('leaves other bridges alone', async () => {
    lab.wall.ip('link', 'add', 'br9', 'type', 'bridge');
    lab.wall.ip('link', 'add', 'x1', 'type', 'veth', 'peer', 'name', 'x2');
    lab.wall.ip('link', 'set', 'x1', 'master', 'br9');
    await lab.inside(prepare, { text: lab.nodeFile });
    expect(lab.wall.ip('-o', 'link', 'show', 'master', 'br9')).toContain('x1');
    await lab.inside(release, lab.nodeFile);
    expect(lab.wall.ip('-o', 'link', 'show', 'master', 'br9')).toContain('x1');
  });
});

describe('what stands in the way', () => {
  const spoil: [string, (...ports: string[]) => void, string, RegExp][] = [
    [
      'a missing port',
      () => lab.wall.ip('link', 'del', 'p2'),
      'port-missing',
      /^there is no port p2 in this network namespace$/,
    ],
    [
      'a port of another bridge',
      () => {
        lab.wall.ip('link', 'add', 'br9', 'type', 'bridge');
        lab.wall.ip('link', 'set', 'p2', 'master', 'br9');
      },
      'port-in-bridge',
      /^port p2 already belongs to br9$/,
    ],
    [
      'something else of the bridge’s name',
      () => lab.wall.ip('link', 'add', 'br0', 'type', 'veth', 'peer', 'name', 'x2'),
      'name-clash',
      /^br0 exists and is no bridge$/,
    ],
    [
      'an IPv4 address',
      () => lab.wall.ip('address', 'add', '192.0.2.1/24', 'dev', 'p3'),
      'has-address',
      /^p3 has the address 192\.0\.2\.1\/24 \(--force/,
    ],
    [
      'an IPv6 address',
      () => lab.wall.ip('address', 'add', '2001:db8::1/64', 'dev', 'p3'),
      'has-address',
      /^p3 has the address 2001:db8::1\/64 /,
    ],
    [
      'an address of the bridge',
      () => {
        lab.wall.ip('link', 'add', 'br0', 'type', 'bridge');
        lab.wall.ip('address', 'add', '192.0.2.1/24', 'dev', 'br0');
      },
      'has-address',
      /^br0 has the address/,
    ],
    [
      'the IPv4 default route',
      () => {
        lab.wall.ip('link', 'set', 'p1', 'up');
        lab.wall.ip('route', 'add', 'default', 'dev', 'p1');
      },
      'has-default-route',
      /^p1 carries the default route/,
    ],
    [
      'an IPv6 default route of several hops',
      () => {
        for (const port of ['p1', 'p2']) lab.wall.ip('link', 'set', port, 'up');
        const hops = ['p1', 'p2'].flatMap((port) => ['nexthop', 'via', 'fe80::9', 'dev', port]);
        lab.wall.ip('-6', 'route', 'add', 'default', ...hops);
      },
      'has-default-route',
      /^p1 carries the default route.*; p2 carries/,
    ],
  ];

  it.each(spoil)(
    '%s is said in one line, and nothing is changed',
    async (_, make, code, message) => {
      make();
      const before = lab.wall.ip('-o', 'link');
      const attempt = await lab.inside(prepare, { text: lab.nodeFile }).catch((e: unknown) => e);
      expect(attempt).toMatchObject({ name: 'BridgeError', code });
      expect((attempt as Error).message).toMatch(message);
      expect((attempt as Error).message).not.toContain('\n');
      expect(masters(lab.wall.ip('-o', 'link'))).toEqual(masters(before));
      expect(setting('net.ipv6.conf.p1.disable_ipv6')).toBe('0');
    },
  );

  it('is taken all the same with force, where it is an address or a route', async () => {
    lab.wall.ip('address', 'add', '192.0.2.1/24', 'dev', 'p3');
    lab.wall.ip('link', 'set', 'p3', 'up');
    lab.wall.ip('route', 'add', 'default', 'via', '192.0.2.2');
    const made = await lab.inside(prepare, { text: lab.nodeFile, force: true });
    expect(made.ports).toHaveLength(3);
  });

  it('is not a link-local address, which every interface has', async () => {
    lab.wall.ip('link', 'set', 'p1', 'up');
    await expect(lab.inside(prepare, { text: lab.nodeFile })).resolves.toBeDefined();
  });
});

function masters(links: string): string[] {
  return links
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `${line.split(':')[1]} ${/master \S+/.exec(line)?.[0] ?? ''}`);
}

describe('links', () => {
  it('are released, twice if need be, and the bridge stays', async () => {
    await lab.inside(prepare, { text: lab.nodeFile });
    expect(await lab.inside(release, lab.nodeFile)).toEqual(['p1', 'p2', 'p3']);
    expect(await lab.inside(release, lab.nodeFile)).toEqual([]);
    expect(lab.wall.ip('-o', 'link', 'show', 'master', 'br0')).toBe('');
  });

  it('have drivers', async () => {
    lab.wall.exec('ip', 'tuntap', 'add', 'tap7', 'mode', 'tap');
    const drivers = await lab.inside(async ({ bridge }) => {
      const links = new bridge.Links();
      const all = await links.list();
      links.close();
      const pairs = all.map(async (link) => [link.name, await bridge.driverOf(link)]);
      return Object.fromEntries(await Promise.all(pairs)) as Record<string, string>;
    }, null);
    expect(drivers).toMatchObject({ p1: 'veth', tap7: 'tun', lo: '' });
  });

  it('keep their VLAN tags when asked', async () => {
    const said = await lab.inside(async ({ bridge }) => {
      const links = new bridge.Links();
      const port = await links.find('p1');
      links.close();
      const gone = { ...port!, name: 'gone0' };
      return [await bridge.keepVlanTags(port!), await bridge.keepVlanTags(gone)];
    }, null);
    expect(said[0]).toBeNull();
    expect(lab.wall.exec('ethtool', '-k', 'p1')).toMatch(/rx-vlan-offload: off/);
    expect(said[1]).toMatch(/./);
  });

  it('are watched', async () => {
    const work = lab.start(async ({ bridge, say, stopped }) => {
      const seen: string[] = [];
      const watch = new bridge.LinkWatch({
        onChange: (link) => {
          if (link.name === 'p1' && link.up && link.carrier) say('up');
          if (link.name === 'p1' && link.up && !link.carrier) say('silent');
          if (link.name === 'x1') say('new');
        },
        onGone: (link) => say(`gone-${link.name}`),
        onLost: () => say('lost'),
      });
      say('ready');
      await stopped;
      watch.close();
      return seen;
    }, null);
    await work.heard('ready');
    lab.wall.ip('link', 'set', 'p1', 'up');
    await work.heard('up');
    lab.hosts.ip('link', 'set', 'e1', 'down');
    await work.heard('silent');
    lab.wall.ip('link', 'add', 'x1', 'type', 'bridge');
    await work.heard('new');
    lab.wall.ip('link', 'del', 'x1');
    await work.heard('gone-x1');
    await work.stop();
  });

  it('are watched through a burst that a sleeping process misses', async () => {
    const work = lab.start(async ({ bridge, say, stopped }) => {
      const watch = new bridge.LinkWatch({
        onChange: () => {},
        onGone: () => {},
        onLost: () => say('lost'),
      });
      say('ready');
      await stopped;
      watch.close();
    }, null);
    await work.heard('ready');
    work.pause();
    const flips = Array.from({ length: 4000 }, (_, i) => `link set p1 mtu ${1400 + (i % 2)}\n`);
    const file = lab.lab.file('flips', flips.join(''));
    lab.wall.ip('-batch', file);
    work.resume();
    await work.heard('lost');
    await work.stop();
  });
});
