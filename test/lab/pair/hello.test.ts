/** Two daemons in namespaces of their own and a sync link: they find each other, and nobody else does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, type Namespace } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';
import { Wall } from '../../../src/lab/wall.js';

const WITHIN = { timeout: 20_000, interval: 50 };
const ADDRESS = { fw1: '10.99.0.1', fw2: '10.99.0.2' };

interface Line {
  readonly msg: string;
  readonly [field: string]: unknown;
}

describe('two nodes with a sync link', () => {
  let lab: Lab;
  let pki: string;
  const walls = {} as Record<'fw1' | 'fw2', Wall>;
  const spaces = {} as Record<'fw1' | 'fw2', Namespace>;

  const log = (node: 'fw1' | 'fw2', message: string) =>
    readFileSync(walls[node].log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
      .filter(({ msg }) => msg === message);
  const ha = async (...words: string[]) => {
    const ended = await spaces.fw1.run([join(ROOT, 'bin/bwctl'), 'ha', ...words]);
    expect(ended).toMatchObject({ status: 0 });
  };
  /** A client of OpenSSL's at a node, from the other one: what it shows, and whether it was let in. */
  const knock = async (from: 'fw1' | 'fw2', to: 'fw1' | 'fw2', ...args: string[]) => {
    const command = `echo -n 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' | timeout 3 openssl s_client -quiet -alpn h2 \
      -connect ${ADDRESS[to]}:7443 ${args.join(' ')} 2>/dev/null | wc -c`;
    return Number((await spaces[from].run(['bash', '-c', command])).stdout);
  };

  beforeAll(async () => {
    lab = new Lab('pair');
    for (const node of ['fw1', 'fw2'] as const) spaces[node] = lab.namespace(node);
    const end = (node: 'fw1' | 'fw2') => ({
      namespace: spaces[node],
      device: 'sync0',
      addresses: [`${ADDRESS[node]}/24`],
    });
    lab.link(end('fw1'), end('fw2'));
    pki = join(lab.directory, 'pki');
    await ha('init', pki, '--nodes', 'fw1,fw2');
    for (const node of ['fw1', 'fw2'] as const) {
      const other = node === 'fw1' ? 'fw2' : 'fw1';
      spaces[node].ip('link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'dn0');
      walls[node] = new Wall({
        ...{ lab, node, namespace: spaces[node], attach: 'tc' },
        ports: [
          { name: 'up0', side: 'uplink' },
          { name: 'dn0', side: 'inside' },
        ],
        api:
          `listen: "${ADDRESS[node]}:7443", tls: {ca: pki/ca.pem, crl: pki/crl.pem, ` +
          `cert: pki/${node}.pem, key: pki/${node}.key}`,
        more: [`ha: {peer: {name: ${other}, address: "${ADDRESS[other]}:7443"}}`],
      });
    }
    await lab.settled();
    await walls.fw1.start();
  });
  afterAll(() => lab.close());

  it('serves alone, and says that the other one is not there', async () => {
    await expect.poll(() => log('fw1', 'the peer is not connected'), WITHIN).toHaveLength(1);
    expect(log('fw1', 'the peer is not connected')[0]).toMatchObject({ peer: 'fw2' });
  });

  it('says hello both ways as soon as it is', async () => {
    await walls.fw2.start();
    for (const [node, peer] of [
      ['fw1', 'fw2'],
      ['fw2', 'fw1'],
    ] as const) {
      await expect.poll(() => log(node, 'the peer is connected'), WITHIN).toHaveLength(1);
      expect(log(node, 'the peer is connected')[0]).toMatchObject({ peer, format: 1 });
      expect(log(node, 'a connection was refused')).toEqual([]);
    }
  });

  it('refuses who has no certificate, and answers who has one', async () => {
    expect(await knock('fw2', 'fw1')).toBe(0);
    const refused = () => log('fw1', 'a connection was refused');
    await expect.poll(refused, WITHIN).toHaveLength(1);
    expect(refused()[0]).toMatchObject({ remote: ADDRESS.fw2, reason: 'no-certificate' });
    const own = [`-cert ${pki}/fw2.pem`, `-key ${pki}/fw2.key`];
    expect(await knock('fw2', 'fw1', ...own)).toBeGreaterThan(0);
    expect(await knock('fw2', 'fw1', ...own, '-tls1_2')).toBe(0);
    await expect.poll(() => refused().at(-1), WITHIN).toMatchObject({ reason: 'tls-version' });
  });

  it('goes on with new certificates, and stops when one is revoked', async () => {
    process.kill(walls.fw2.pid!, 'SIGHUP');
    const asked = () => log('fw2', 'asked to read the certificates again');
    await expect.poll(asked, WITHIN).toHaveLength(1);
    await ha('cert', pki, 'fw2', '--renew');
    const loaded = () => log('fw2', 'other certificates hold from now on');
    await expect.poll(loaded, WITHIN).toHaveLength(1);
    expect(log('fw1', 'the peer is not connected')).toHaveLength(1);
    await walls.fw2.stop();
    await expect.poll(() => log('fw1', 'the peer is not connected'), WITHIN).toHaveLength(2);
    await walls.fw2.start();
    await expect.poll(() => log('fw1', 'the peer is connected'), WITHIN).toHaveLength(2);
    const refused = () =>
      log('fw1', 'a connection was refused').filter(({ reason }) => reason === 'revoked');
    await ha('revoke', pki, 'fw2');
    await expect.poll(() => refused().length, WITHIN).toBeGreaterThan(0);
    expect(refused()[0]).toMatchObject({ name: 'fw2' });
    await expect.poll(() => log('fw1', 'the peer is not connected'), WITHIN).toHaveLength(3);
  });
});
