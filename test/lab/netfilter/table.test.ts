import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frame, type Inside, type Listener, WallLab } from './wall-lab.js';

const ACCEPT = 0xb1000000;
const ACCEPT_LOG = 0xb2000007;
const DROP_LOG = 0xb3000201;
const SENT_LOG = 0xb4000007;
const LLDP = 0x88cc;
const LLDP_GROUP = '0180c200000e';
const BPDU_GROUP = '0180c2000000';

let lab: WallLab;
let barrier = 0;

async function prepare({ bridge, config, netfilter }: Inside, text: string): Promise<void> {
  const node = config.parseNodeConfig(text, 'node.yaml');
  const links = new bridge.Links();
  const spec = {
    node: node.node,
    ports: node.bridge.ports.map((port) => port.name),
    group: node.log.group,
  };
  const beforeJoin = async () => void (await netfilter.WallTable.load(spec));
  await bridge.prepareBridge(links, node, { force: false, beforeJoin });
  links.close();
}

/** Waits until what was sent from p1 before has run its course. */
async function settle(at: Listener): Promise<void> {
  const mark = `b1${(++barrier).toString(16).padStart(6, '0')}`;
  lab.send('p1', frame({ mark: Number.parseInt(mark, 16) }));
  await at.until(`02${mark}01`);
}

/** Marks of the frames that a listener saw, barriers left out. */
function marks(listener: Listener): string[] {
  return listener.frames
    .filter((line) => /^[0-9a-f]+$/.test(line))
    .map((line) => line.slice(14, 22))
    .filter((mark) => !(mark.startsWith('b1') && mark !== 'b1000000'));
}

beforeAll(async () => {
  lab = new WallLab('table', 4);
  lab.ports.forEach((port) => {
    lab.markFrames(port);
  });
  await lab.inside(prepare, lab.nodeFile);
});

afterAll(() => lab?.close());

/** Frames of every kind that a bridge treats in a way of its own. */
function everyKind(mark: number): string[] {
  const bridgeMac = lab.wall.ip('-o', 'link', 'show', 'br0').match(/ether (\S+)/)![1]!;
  return [
    frame({ mark }),
    frame({ mark, to: '020000000042' }),
    frame({ mark, to: '01005e000001' }),
    frame({ mark, to: bridgeMac.replaceAll(':', '') }),
    frame({ mark, type: '8100', payload: `000a88b5${'00'.repeat(44)}` }),
    frame({ mark, type: '0026', payload: `424203${'00'.repeat(43)}` }),
    frame({ mark, to: BPDU_GROUP, type: '0026', payload: `424203${'00'.repeat(43)}` }),
    frame({ mark, to: LLDP_GROUP, type: '88cc' }),
  ];
}

describe('the tables', () => {
  it('let no frame without a mark through, nor to the box', async () => {
    const listeners = [
      await lab.listen('p2'),
      await lab.listen('p3'),
      await lab.listenInWall('br0'),
      await lab.listenInWall('p1', LLDP),
    ];
    lab.send('p1', ...everyKind(0), ...everyKind(0xb5000000), ...everyKind(0x01000000));
    await settle(listeners[0]!);
    for (const listener of listeners) {
      expect(marks(listener)).toEqual([]);
      listener.end();
    }
  });

  it('let marked frames flood to the other ports, and none to the box', async () => {
    const [p2, p3] = [await lab.listen('p2'), await lab.listen('p3')];
    const others = [await lab.listen('p1'), await lab.listenInWall('br0')];
    lab.send('p1', frame({ mark: ACCEPT }), frame({ mark: ACCEPT_LOG, to: '020000000042' }));
    for (const mark of [DROP_LOG, SENT_LOG]) {
      lab.send('p1', frame({ mark }), frame({ mark, to: '020000000042' }));
    }
    await settle(p2);
    await settle(p3);
    expect(marks(p2)).toEqual(['b1000000', 'b2000007']);
    expect(marks(p3)).toEqual(['b1000000', 'b2000007']);
    for (const listener of others) expect(marks(listener)).toEqual([]);
    for (const listener of [p2, p3, ...others]) listener.end();
  });

  it('leave the bridge ignorant, whatever the mark', async () => {
    const p2 = await lab.listen('p2');
    for (const mark of [0, ACCEPT, ACCEPT_LOG, DROP_LOG, SENT_LOG]) {
      lab.send('p1', frame({ mark, id: 0x77 }));
    }
    await settle(p2);
    p2.end();
    expect(lab.wall.exec('bridge', 'fdb', 'show', 'dynamic')).toBe('');
  });

  it.each(['xdpdrv', 'xdpgeneric'] as const)('see the mark behind %s', async (mode) => {
    lab.passXdp('p1', mode, true);
    const p2 = await lab.listen('p2');
    lab.send('p1', frame({ mark: 0 }), frame({ mark: ACCEPT }));
    await settle(p2);
    lab.passXdp('p1', mode, false);
    expect(marks(p2)).toEqual(['b1000000']);
    p2.end();
  });

  it('keep the box from sending', async () => {
    const [p1, p2] = [await lab.listen('p1'), await lab.listen('p2')];
    lab.wall.ip('address', 'add', '10.9.9.1/24', 'dev', 'br0');
    const before = await lab.inside(countersOf, lab.nodeFile);
    await lab.wall.run(['ping', '-c', '1', '-W', '1', '10.9.9.2']);
    lab.wall.ip('address', 'flush', 'dev', 'br0');
    await settle(p2);
    expect(marks(p1)).toEqual([]);
    expect(marks(p2)).toEqual([]);
    const after = await lab.inside(countersOf, lab.nodeFile);
    expect(after.fromBox).toBeGreaterThan(before.fromBox);
    for (const listener of [p1, p2]) listener.end();
  });

  it('keep an interface that is no port out, both ways', async () => {
    lab.wall.ip('link', 'add', 's1', 'type', 'veth', 'peer', 'name', 's2');
    for (const device of ['s1', 's2']) {
      lab.wall.exec('sysctl', '-qw', `net.ipv6.conf.${device}.disable_ipv6=1`);
      lab.wall.ip('link', 'set', device, 'up');
    }
    lab.wall.ip('link', 'set', 's1', 'master', 'br0');
    const [p2, stranger] = [await lab.listen('p2'), await lab.listenInWall('s2')];
    const before = await lab.inside(countersOf, lab.nodeFile);
    lab.send('p1', frame({ mark: ACCEPT }));
    lab.sendInWall('s2', frame({ mark: ACCEPT }), frame({ mark: 0 }));
    await settle(p2);
    expect(marks(p2)).toEqual(['b1000000']);
    expect(marks(stranger)).toEqual([]);
    const after = await lab.inside(countersOf, lab.nodeFile);
    expect(after.strayed).toBeGreaterThan(before.strayed);
    lab.wall.ip('link', 'del', 's1');
    for (const listener of [p2, stranger]) listener.end();
  });
});

async function countersOf({ config, netfilter }: Inside, text: string) {
  const node = config.parseNodeConfig(text, 'node.yaml');
  const ports = node.bridge.ports.map((port) => port.name);
  const table = await netfilter.WallTable.load({ node: node.node, ports, group: 5 });
  return await table.counters();
}

describe('the lock at the port', () => {
  it('is what stops frames that bypass the bridge', async () => {
    const protocol = await lab.listenInWall('p1', LLDP);
    lab.wall.exec('nft', 'delete', 'table', 'bridge', 'bridgewall_lab_1');
    lab.send('p1', frame({ mark: 0, to: LLDP_GROUP, type: '88cc', id: 1 }));
    lab.wall.exec('nft', 'delete', 'table', 'netdev', 'bridgewall_lab_1');
    lab.send('p1', frame({ mark: 0, to: LLDP_GROUP, type: '88cc', id: 2 }));
    await protocol.until('020000000002');
    expect(protocol.frames.some((line) => line.includes('020000000001'))).toBe(false);
    protocol.end();
    await lab.inside(prepare, lab.nodeFile);
  });

  it('holds when the port has left the bridge', async () => {
    lab.wall.ip('link', 'set', 'p3', 'nomaster');
    lab.wall.ip('address', 'add', '10.9.9.1/24', 'dev', 'p3');
    lab.hosts.ip('address', 'add', '10.9.9.2/24', 'dev', 'e3');
    const ping = ['ping', '-c', '5', '-i', '0.2', '-W', '1', '10.9.9.1'];
    expect((await lab.hosts.run(ping)).status).not.toBe(0);
    lab.wall.exec('nft', 'delete', 'table', 'netdev', 'bridgewall_lab_1');
    lab.wall.exec('tc', 'qdisc', 'del', 'dev', 'p3', 'clsact');
    expect((await lab.hosts.run(ping)).status).toBe(0);
    lab.hosts.ip('address', 'flush', 'dev', 'e3');
    lab.wall.ip('address', 'flush', 'dev', 'p3');
    lab.markFrames('p3');
    await lab.inside(prepare, lab.nodeFile);
  });

  it('holds with every program taken off', async () => {
    lab.wall.exec('tc', 'qdisc', 'del', 'dev', 'p4', 'clsact');
    const p2 = await lab.listen('p2');
    lab.send('p4', frame({ mark: ACCEPT }), frame({ mark: 0 }));
    await settle(p2);
    expect(marks(p2)).toEqual([]);
    p2.end();
    lab.markFrames('p4');
  });
});

describe('loading', () => {
  it('replaces tables without letting anything through', async () => {
    const p2 = await lab.listen('p2');
    const work = lab.start(async ({ config, netfilter, say, stopped }, text: string) => {
      const node = config.parseNodeConfig(text, 'node.yaml');
      const ports = node.bridge.ports.map((port) => port.name);
      const table = await netfilter.WallTable.load({ node: node.node, ports, group: 5 });
      let rounds = 0;
      let over = false;
      void stopped.then(() => {
        over = true;
      });
      say('ready');
      while (!over) {
        await table.restore();
        if (++rounds === 3) say('replaced');
      }
      return { rounds, unjudged: (await table.counters()).unjudged };
    }, lab.nodeFile);
    await work.heard('ready');
    let over = false;
    const replaced = work.heard('replaced').finally(() => {
      over = true;
    });
    for (let i = 0; i < 10 || !over; i++) await lab.flood('p1', frame({ mark: 0 }), 500);
    await replaced;
    const { rounds } = await work.stop();
    await settle(p2);
    expect(rounds).toBeGreaterThan(1);
    expect(marks(p2)).toEqual([]);
    p2.end();
  });

  it('notices what was changed, and mends it, counters kept', async () => {
    const steps = await lab.inside(async ({ config, netfilter, run }, text: string) => {
      const node = config.parseNodeConfig(text, 'node.yaml');
      const ports = node.bridge.ports.map((port) => port.name);
      const table = await netfilter.WallTable.load({ node: node.node, ports, group: 5 });
      const name = netfilter.tableName(node.node);
      const before = await table.counters();
      const seen = [await table.isIntact()];
      const changes = [
        ['flush', 'chain', 'netdev', name, 'ingress'],
        ['delete', 'element', 'bridge', name, 'ports', '{ "p1" }'],
        ['add', 'rule', 'bridge', name, 'input', 'accept'],
        ['delete', 'table', 'bridge', name],
        ['flush', 'ruleset'],
      ];
      for (const change of changes) {
        run('nft', ...change);
        seen.push(await table.isIntact());
        await table.restore();
        seen.push(await table.isIntact());
      }
      const after = await table.counters();
      return { seen, before, after };
    }, lab.nodeFile);
    expect(steps.seen).toEqual([true, ...Array(5).fill([false, true]).flat()]);
    expect(steps.before.unjudged).toBeGreaterThan(0);
    expect(steps.after).toEqual(steps.before);
  });

  it('leaves nothing behind when removed, twice if need be', async () => {
    await lab.inside(async ({ netfilter }) => {
      await netfilter.WallTable.remove('lab-1');
      await netfilter.WallTable.remove('lab-1');
    }, null);
    expect(lab.wall.exec('nft', 'list', 'ruleset')).toBe('');
    await lab.inside(prepare, lab.nodeFile);
  });

  it('says in one line what is wrong', async () => {
    const wrong = lab.inside(
      async ({ netfilter }) =>
        void (await netfilter.WallTable.load({ node: 'x', ports: ['p1'], group: -1 })),
      null,
    );
    await expect(wrong).rejects.toMatchObject({ name: 'NftError', code: 'refused' });
    await expect(wrong).rejects.toThrow(/^nft: [^\n]+$/);
  });
});
