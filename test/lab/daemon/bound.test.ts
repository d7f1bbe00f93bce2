import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Namespace } from '../../../src/lab/netns.js';
import { ether, frame, ipv4, udp, vlan } from '../../packet/index.js';
import { Bench, CLIENT, macOf, received, SERVER } from './bench.js';

/** Has the server's address, on a port of its own. */
const THIEF = { v4: SERVER.v4, v6: SERVER.v6 } as const;
/** One address, two hosts. */
const TENANT = '10.9.1.5';

const PORTS = '[{name: up0, side: uplink}, {name: dn0, side: inside}, {name: dn1, side: inside}]';

const SENDER = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('e0', 0))
for line in sys.argv[1:]: s.send(bytes.fromhex(line))
`;

describe('hosts that are bound', () => {
  let bench: Bench;
  let thief: Namespace;

  const policy = (bound: string) => `apiVersion: bridgewall/v1
hosts:
  server:
    addresses: [${SERVER.v4}, "${SERVER.v6}"]
    ${bound}
    in: {ping: any, 80/tcp: any}
    out: {ping: any}
  red: {addresses: [${TENANT}], vlan: 10, in: {53/udp: {from: any, id: red}}}
  blue: {addresses: [${TENANT}], vlan: [100, 20], in: {53/udp: {from: any, id: blue}}}
`;
  const dropped = async (reason: string) => (await bench.api.counters()).total.dropped[reason] ?? 0;
  const send = async (from: Namespace, ...frames: Buffer[]) => {
    const words = frames.map((bytes) => bytes.toString('hex'));
    expect((await from.run(['python3', '-c', SENDER, ...words])).status).toBe(0);
  };
  const pingsFrom = async (from: Namespace, to: string): Promise<number> => {
    from.ip('neigh', 'flush', 'all');
    return received((await from.run(['ping', '-q', '-c', '2', '-i', '0.2', '-W', '1', to])).stdout);
  };

  beforeAll(async () => {
    bench = new Bench();
    const { lab, wall } = bench;
    thief = lab.namespace('thief');
    lab.link(
      { namespace: wall, device: 'dn1' },
      { namespace: thief, device: 'e0', addresses: [`${THIEF.v4}/24`, `${THIEF.v6}/64`] },
    );
    bench.configure({ ports: PORTS });
    await bench.start();
    await bench.serve(80);
  });
  afterAll(() => bench.close());

  it('are bound to inside ports of the node, or the policy is refused at its line', async () => {
    const refused = (message: RegExp) => ({
      code: 'invalid',
      message: expect.stringMatching(message),
    });
    await expect(bench.apply(policy('port: dn9'))).rejects.toMatchObject(
      refused(/^policy\.yaml:5:11: host server is bound to port dn9, and this node has none/),
    );
    await expect(
      bench.api.plan({ text: policy('port: up0'), file: 'policy.yaml' }),
    ).rejects.toMatchObject(
      refused(
        /^policy\.yaml:5:11: host server is bound to port up0, an uplink: .*write one of dn0, dn1/,
      ),
    );
    expect((await bench.api.status()).generation).toBe(0);
  });

  it('speak from there, over both families, and whoever else has their address is silent', async () => {
    const { installed, bindings } = await bench.apply(
      policy(`port: dn0\n    mac: ${macOf(bench.server)}`),
    );
    expect(installed).toBe(true);
    expect(bindings[0]).toEqual({
      host: 'server',
      before: '',
      after: `port: dn0, mac: ${macOf(bench.server)}`,
    });
    for (const family of ['v4', 'v6'] as const) {
      expect(await bench.pings(SERVER[family])).toBe(2);
      expect(await pingsFrom(bench.server, CLIENT[family])).toBe(2);
      expect(await pingsFrom(thief, CLIENT[family])).toBe(0);
      expect(await bench.pings(SERVER[family])).toBe(2);
    }
    expect(await dropped('arp-guard')).toBeGreaterThan(0);
    expect(await dropped('nd-guard')).toBeGreaterThan(0);
    const at = bench.client.ip('neigh', 'show', SERVER.v4);
    expect(at).toContain(macOf(bench.server));
  });

  it('with their MAC as well: the port still tells', async () => {
    const client = macOf(bench.client);
    thief.ip('link', 'set', 'e0', 'address', macOf(bench.server));
    const before = await dropped('spoofed');
    const ping = ['ping', '-q', '-c', '2', '-i', '0.2', '-W', '1', CLIENT.v4];
    thief.ip('neigh', 'replace', CLIENT.v4, 'lladdr', client, 'dev', 'e0');
    expect(received((await thief.run(ping)).stdout)).toBe(0);
    expect((await dropped('spoofed')) - before).toBeGreaterThan(0);
    expect(await bench.connects(80)).toBe(true);
  });

  it('that get another card are silent until the policy says so', async () => {
    const { client, server } = bench;
    server.ip('link', 'set', 'e0', 'address', '02:00:00:00:77:01');
    client.ip('neigh', 'flush', 'all');
    expect(await bench.connects(80)).toBe(false);
    await bench.apply(policy('mac: 02:00:00:00:77:01'));
    client.ip('neigh', 'flush', 'all');
    expect(await bench.connects(80)).toBe(true);
  });

  it('to a port that goes from the node file speak from nowhere, and the wall stands', async () => {
    await bench.apply(policy('port: dn1'));
    const asked = {
      ...{ protocol: 'icmp', source: 'server', sourcePort: 0, destination: CLIENT.v4 },
      ...{ destinationPort: 0, icmpType: 8, vlan: [] as number[] },
    };
    expect(await bench.api.explain({ ...asked, port: '' })).toMatchObject({
      port: 'dn1',
      verdict: 'accept',
    });
    bench.configure({});
    await bench.restart();
    expect(await bench.api.explain({ ...asked, port: '' })).toMatchObject({
      port: 'dn0',
      reason: 'spoofed',
    });
    expect(await pingsFrom(bench.server, CLIENT.v4)).toBe(0);
    bench.configure({ ports: PORTS });
    await bench.restart();
    expect(await bench.api.explain({ ...asked, port: '' })).toMatchObject({
      port: 'dn1',
      verdict: 'accept',
    });
  });

  it('are explained from where they are, and from elsewhere', async () => {
    await bench.apply(policy('port: dn0\n    mac: 02:00:00:00:77:01'));
    const asked = {
      ...{ protocol: 'icmp', source: 'server', sourcePort: 0, destination: CLIENT.v4 },
      ...{ destinationPort: 0, icmpType: 8, port: '', vlan: [] as number[] },
    };
    expect(await bench.api.explain(asked)).toMatchObject({ verdict: 'accept', port: 'dn0' });
    expect(await bench.api.explain({ ...asked, port: 'dn1' })).toMatchObject({ reason: 'spoofed' });
    const to = { ...asked, protocol: 'udp', source: CLIENT.v4, destinationPort: 53 };
    expect(await bench.api.explain({ ...to, destination: 'blue' })).toMatchObject({
      ...{ verdict: 'accept', vlan: [100, 20], rules: { in: { id: 'blue' } } },
    });
    expect(await bench.api.explain({ ...to, destination: 'blue', vlan: [10] })).toMatchObject({
      ...{ verdict: 'accept', vlan: [10], rules: { in: { id: 'red' } } },
    });
    expect(await bench.api.explain({ ...to, destination: 'red', vlan: [0] })).toMatchObject({
      ...{ verdict: 'drop', reason: 'not-screened', vlan: [] },
    });
  });

  it('in VLANs are who they are there: frames with one tag and with two', async () => {
    const datagram = (...tags: ReturnType<typeof vlan>[]) =>
      frame(
        ether({ src: macOf(bench.client), dst: macOf(bench.server) }),
        ...tags,
        ipv4({ src: CLIENT.v4, dst: TENANT }),
        udp({ sport: 4000, dport: 53 }),
        'question',
      );
    const back = (...tags: ReturnType<typeof vlan>[]) =>
      frame(
        ether({ src: macOf(bench.server), dst: macOf(bench.client) }),
        ...tags,
        ipv4({ src: TENANT, dst: CLIENT.v4 }),
        udp({ sport: 53, dport: 4000 }),
        'answer',
      );
    const nowhere = await dropped('not-screened');
    const forged = await dropped('spoofed');
    await send(bench.client, datagram(vlan(10)), datagram(vlan(100), vlan(20)));
    await send(bench.client, datagram(), datagram(vlan(20)), datagram(vlan(100), vlan(21)));
    await send(bench.server, back(vlan(10)), back(vlan(100), vlan(20)));
    await send(bench.server, back(), back(vlan(20)));
    await expect.poll(() => dropped('not-screened')).toBe(nowhere + 3);
    await expect.poll(() => dropped('spoofed')).toBe(forged + 2);
    const { rules } = await bench.api.counters({ rules: true });
    const seen = (id: string) => rules.find(({ rule }) => rule.id === id);
    expect(seen('red')).toMatchObject({ packets: 2, connections: 1 });
    expect(seen('blue')).toMatchObject({ packets: 2, connections: 1 });
  });
});
