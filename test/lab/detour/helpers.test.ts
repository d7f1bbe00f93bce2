/** Connections that a helper expects: real FTP, and TFTP and IRC as far as a wall sees them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, CLIENT, EventEar, macOf, SERVER } from '../daemon/bench.js';
import { asked, BYTES, HERE, running, serveFtp, waitFor } from './server.js';

const policy = (lines: string[], out: string[] = []) =>
  [
    'apiVersion: bridgewall/v1',
    'hosts:',
    '  server:',
    `    addresses: [${SERVER.v4}, "${SERVER.v6}"]`,
    `    in: {${lines.join(', ')}}`,
    `    out: {${out.join(', ')}}`,
  ].join('\n');
const FTP = policy(['21/tcp: {from: any, helper: ftp, id: ftp}', '22/tcp: any']);

describe.each(['tc', 'generic', 'xdp'] as const)('in %s', (attach) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench(attach);
    await bench.start();
    await serveFtp(bench);
  });
  afterAll(() => bench.close());

  /** At once: those that nobody answers take their time. */
  function transfers(): Promise<string[]> {
    const ways = Object.values(SERVER).flatMap((host) => [
      [host, 'passive'],
      [host, 'active'],
    ]);
    return Promise.all(ways.map((words) => asked(bench, 'ftp.py', ...words)));
  }

  it('FTP works both ways and over both families, and only with its rule', async () => {
    await bench.apply(FTP);
    const dropped = async () => (await bench.api.counters({ rules: true })).total.dropped;
    const before = await dropped();
    expect(await transfers()).toEqual(Array(4).fill(`${BYTES}`));
    // The first packet of the data already found what the helper expects.
    expect(await dropped()).toEqual(before);
    const { rules } = await bench.api.counters({ rules: true });
    // Four that control, and four with data.
    expect(rules.find(({ rule }) => rule.id === 'ftp')!.connections).toBe(8);
    await bench.apply(policy(['21/tcp: any']));
    expect(await transfers()).toEqual(Array(4).fill('TimeoutError'));
  }, 120_000);

  it('also while no daemon is there', async () => {
    await bench.apply(FTP);
    await bench.kill();
    expect(await transfers()).toEqual(Array(4).fill(`${BYTES}`));
    await bench.start();
    expect(await transfers()).toEqual(Array(4).fill(`${BYTES}`));
  }, 60_000);

  it('and not without the tables, which the daemon puts back', async () => {
    await bench.apply(FTP);
    await bench.kill();
    bench.wall.exec('nft', 'delete', 'table', 'ip', 'bwside_fw_1');
    expect(await asked(bench, 'ftp.py', SERVER.v4, 'passive')).toBe('TimeoutError');
    await bench.start();
    expect(await asked(bench, 'ftp.py', SERVER.v4, 'passive')).toBe(`${BYTES}`);
    const ear = await EventEar.listen(bench.api);
    bench.wall.exec('nft', 'flush', 'table', 'ip6', 'bwside_fw_1');
    await waitFor(async () => ear.of('repaired').length > 0);
    ear.close();
    expect(await asked(bench, 'ftp.py', SERVER.v6, 'passive')).toBe(`${BYTES}`);
  }, 60_000);

  it('TFTP and IRC do with theirs', async () => {
    const tftp = await running(bench.server, 'datagrams.py', 'tftp-serve');
    const irc = await running(bench.server, 'datagrams.py', 'irc-serve');
    const dcc = () => asked(bench, 'datagrams.py', 'irc', SERVER.v4, CLIENT.v4, '5000');
    await bench.apply(policy(['69/udp: any', '6667/tcp: any']));
    expect(await asked(bench, 'datagrams.py', 'tftp', SERVER.v4)).toBe('TimeoutError');
    expect(await dcc()).toBe('TimeoutError');
    await bench.apply(
      policy(['69/udp: {from: any, helper: tftp}', '6667/tcp: {from: any, helper: irc}']),
    );
    for (const host of Object.values(SERVER)) {
      expect(await asked(bench, 'datagrams.py', 'tftp', host)).toBe('data');
    }
    expect(await dcc()).toBe(SERVER.v4);
    await tftp.end();
    await irc.end();
  }, 60_000);

  it('and so does the voice of a call by SIP', async () => {
    const sip = await running(bench.server, 'datagrams.py', 'sip-serve', SERVER.v4, SERVER.v6);
    const calls = () =>
      Promise.all([
        asked(bench, 'datagrams.py', 'sip', SERVER.v4, CLIENT.v4),
        asked(bench, 'datagrams.py', 'sip', SERVER.v6, CLIENT.v6),
      ]);
    await bench.apply(policy(['5060/udp: any']));
    expect(await calls()).toEqual(Array(2).fill('TimeoutError'));
    await bench.apply(policy(['5060/udp: {from: any, helper: sip}']));
    expect(await calls()).toEqual(Array(2).fill('voice'));
    await sip.end();
  }, 60_000);

  it('what is expected in one VLAN is not in another', async () => {
    await bench.apply(policy(['69/udp: {from: any, helper: tftp}']));
    const ends = { client: bench.client, server: bench.server };
    const hear = {
      client: await running(ends.client, 'tagged.py', 'hear'),
      server: await running(ends.server, 'tagged.py', 'hear'),
    };
    const send = (from: 'client' | 'server', vlan: number, ...what: string[]) => {
      const mac = macOf(from === 'client' ? bench.server : bench.client);
      ends[from].exec('python3', `${HERE}/tagged.py`, 'send', `${vlan}`, mac, ...what);
    };
    send('client', 10, `${CLIENT.v4}:4000`, `${SERVER.v4}:69`, '_^file_octet_');
    await waitFor(async () => hear.server.lines.includes('10 4000 69'));
    send('server', 11, `${SERVER.v4}:5001`, `${CLIENT.v4}:4000`, 'data');
    send('server', 0, `${SERVER.v4}:5002`, `${CLIENT.v4}:4000`, 'data');
    send('server', 10, `${SERVER.v4}:5000`, `${CLIENT.v4}:4000`, 'data');
    await waitFor(async () => hear.client.lines.includes('10 5000 4000'));
    expect(hear.client.lines.filter((line) => line.endsWith(' 4000'))).toEqual(['10 5000 4000']);
    await hear.client.end();
    await hear.server.end();
  }, 60_000);

  it('is taken down with the wall', async () => {
    await bench.kill();
    expect((await bench.run('--detach')).status).toBe(0);
    expect(bench.wall.exec('nft', 'list', 'tables')).toBe('');
    expect(bench.wall.ip('-br', 'link')).not.toMatch(/^bw/m);
  });
});
