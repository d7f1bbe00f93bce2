import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frame, type Inside, WallLab } from './wall-lab.js';

const GROUP = 5;
const ACCEPT_LOG = 0xb2000007;
const DROP_LOG = 0xb3000201;

/** UDP 10.0.0.1:4660 -> 10.0.0.2:53, 4 bytes of data. */
const UDP = '45000020000040004011f6ca0a0000010a00000212340035000c0000deadbeef';
/** TCP SYN [2001:db8::1]:4660 -> [2001:db8::2]:25. */
const TCP6 = `600000000014064020010db800000000000000000000000120010db8000000000000000000000002${'1234001900000001000000005002ffff00000000'}`;
/** ARP request, 10.0.0.1 asks for 10.0.0.2. */
const ARP = '000108000604000102b3000201010a0000010000000000000a000002';

let lab: WallLab;

async function guard({ bridge, config, netfilter }: Inside, text: string): Promise<number[]> {
  const node = config.parseNodeConfig(text, 'node.yaml');
  const links = new bridge.Links();
  const ports = node.bridge.ports.map((port) => port.name);
  const spec = { node: node.node, ports, group: node.log.group };
  const beforeJoin = async () => void (await netfilter.WallTable.load(spec));
  const made = await bridge.prepareBridge(links, node, { force: false, beforeJoin });
  links.close();
  return made.ports.map((port) => port.ifindex);
}

/** Reads the group until the test has enough. */
async function read({ netfilter, say, stopped }: Inside, group: number) {
  const batches: object[][] = [];
  const reader = await netfilter.NflogReader.open(group, {
    onRecords: (records) => {
      batches.push(records.map(({ frame, ...rest }) => ({ ...rest, hex: frame.toString('hex') })));
    },
  });
  say('ready');
  await stopped;
  await reader.finish();
  const { received, lost } = reader;
  return { batches, received, lost };
}

beforeAll(async () => {
  lab = new WallLab('nflog', 2);
  lab.markFrames('p1', 'p2');
});

afterAll(() => lab?.close());

describe('a reader of a group', () => {
  it('gets each logged frame once, with everything that is known about it', async () => {
    const [p1] = await lab.inside(guard, lab.nodeFile);
    const work = lab.start(read, GROUP);
    await work.heard('ready');
    const before = Date.now();
    lab.send(
      'p1',
      frame({ mark: DROP_LOG, type: '0800', payload: UDP }),
      frame({ mark: ACCEPT_LOG, type: '86dd', payload: TCP6, to: '020000000042' }),
      frame({ mark: DROP_LOG, type: '8100', payload: `6064${'0800'}${UDP}` }),
      frame({ mark: DROP_LOG, type: '88a8', payload: `0007${'8100'}0008${'0800'}${UDP}` }),
      frame({
        mark: DROP_LOG,
        type: '0806',
        payload: ARP,
      }),
      frame({ mark: DROP_LOG, type: '88b5' }),
      frame({ mark: 0xb1000000, type: '0800', payload: UDP }),
      frame({ mark: 0, type: '0800', payload: UDP }),
    );
    const { batches, received, lost } = await work.stop();
    const records = batches.flat() as Record<string, unknown>[];
    expect({ received, lost }).toEqual({ received: 6, lost: 0 });
    for (const record of records) {
      expect(record).toMatchObject({ ifindex: p1, prefix: 'bridgewall:lab-1' });
      expect(record.time).toBeGreaterThanOrEqual(before - 1000);
      expect(record.time).toBeLessThanOrEqual(Date.now() + 1000);
    }
    const udp = { proto: 'udp', src: '10.0.0.1', sport: 4660, dst: '10.0.0.2', dport: 53 };
    expect(records).toMatchObject([
      {
        ...udp,
        mark: DROP_LOG,
        sequence: 0,
        vlan: [],
        srcMac: '02:b3:00:02:01:01',
        dstMac: 'ff:ff:ff:ff:ff:ff',
        length: 46,
      },
      {
        mark: ACCEPT_LOG,
        sequence: 1,
        proto: 'tcp',
        src: '2001:db8::1',
        sport: 4660,
        dst: '2001:db8::2',
        dport: 25,
        tcpFlags: 2,
        dstMac: '02:00:00:00:00:42',
        length: 74,
      },
      { ...udp, vlan: [100], length: 50 },
      { ...udp, vlan: [7, 8], length: 54 },
      { proto: 'arp', src: '10.0.0.1', dst: '10.0.0.2' },
      { proto: '0x88b5', src: '', sport: 0 },
    ]);
  });

  it('gets batches, and misses none of many', async () => {
    await lab.inside(guard, lab.nodeFile);
    const work = lab.start(read, GROUP);
    await work.heard('ready');
    for (let i = 0; i < 4; i++) {
      await lab.flood('p1', frame({ mark: DROP_LOG, type: '0800', payload: UDP }), 1000);
    }
    const { batches, received, lost } = await work.stop();
    expect(received + lost).toBe(4000);
    expect(received).toBeGreaterThan(0);
    expect(batches.length).toBeLessThan(received);
  });

  it('counts to the record what was lost while it slept', async () => {
    const work = lab.start(async ({ netfilter, say, stopped }, group) => {
      const reader = await netfilter.NflogReader.open(group, {
        onRecords: (records) => {
          if (records.some((record) => record.proto === 'arp')) say('last');
        },
      });
      say('ready');
      await stopped;
      await reader.finish();
      return { received: reader.received, lost: reader.lost };
    }, GROUP);
    await work.heard('ready');
    work.pause();
    let sent = 0;
    for (; sent < 60_000; sent += 1000) {
      await lab.flood('p1', frame({ mark: DROP_LOG, type: '0800', payload: UDP }), 1000);
    }
    work.resume();
    // Until the socket is empty again whatever comes is lost as well.
    let arrived = false;
    void work.heard('last').then(() => {
      arrived = true;
    });
    for (; !arrived; sent++) {
      lab.send('p1', frame({ mark: DROP_LOG, type: '0806', payload: ARP }));
      await setTimeout(150);
    }
    const { received, lost } = await work.stop();
    expect(lost).toBeGreaterThan(0);
    expect(received + lost).toBe(sent);
  });

  it('says so when another process holds the group', async () => {
    const holder = lab.start(read, GROUP);
    await holder.heard('ready');
    const second = lab.inside(read, GROUP);
    await expect(second).rejects.toMatchObject({ name: 'NflogError', code: 'busy' });
    await expect(second).rejects.toThrow(
      /^NFLOG group 5 is already read by another process \(netlink port \d+\); set log\.group/,
    );
    await lab.start(read, GROUP + 1).stop();
    await holder.stop();
    expect((await lab.inside(read, GROUP)).received).toBe(0);
  });
});
