/** Two daemons and a sync link: what is applied and added on one of them holds on the other. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HistoryEntry, SetMember, StatusResult } from '../../../src/control/service.js';
import { Lab, type Namespace } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';
import { Wall } from '../../../src/lab/wall.js';

const WITHIN = { timeout: 20_000, interval: 100 };
const ADDRESS = { fw1: '10.99.0.1', fw2: '10.99.0.2' };
type Name = keyof typeof ADDRESS;
const NAMES: readonly Name[] = ['fw1', 'fw2'];

const policy = (port: number, more = '') => `apiVersion: bridgewall/v1
groups: {bad: {dynamic: true, max: 1000}}
hosts:
  www:
    addresses: [192.0.2.10]
${more}    in: {${port}/tcp: any}
deny: [{from: bad}]
`;

describe('two daemons share', () => {
  let lab: Lab;
  const walls = {} as Record<Name, Wall>;
  const spaces = {} as Record<Name, Namespace>;

  const status = (node: Name) => walls[node].json<StatusResult>('status');
  const digests = async () => {
    const [one, two] = [await status('fw1'), await status('fw2')];
    return [one.policy?.digest ?? null, two.policy?.digest ?? null];
  };
  const sync = async (node: Name) => (await status(node)).sync!;
  const link = (state: 'up' | 'down') => spaces.fw1.ip('link', 'set', 'sync0', state);
  const apply = async (node: Name, name: string, text: string) => {
    await walls[node].run(['apply', lab.file(name, text), '-m', `from ${node}`]);
    return (await status(node)).policy!.digest;
  };

  beforeAll(async () => {
    lab = new Lab('shared');
    for (const node of NAMES) spaces[node] = lab.namespace(node);
    const end = (node: Name) => ({
      namespace: spaces[node],
      device: 'sync0',
      addresses: [`${ADDRESS[node]}/24`],
    });
    lab.link(end('fw1'), end('fw2'));
    const pki = join(lab.directory, 'pki');
    const made = await spaces.fw1.run([
      join(ROOT, 'bin/bwctl'),
      ...['ha', 'init', pki, '--nodes', 'fw1,fw2'],
    ]);
    expect(made).toMatchObject({ status: 0 });
    for (const node of NAMES) {
      const other = node === 'fw1' ? 'fw2' : 'fw1';
      // Ports are called otherwise on the two.
      const [up, dn] = [`up-${node}`, `dn-${node}`];
      spaces[node].ip('link', 'add', up, 'type', 'veth', 'peer', 'name', dn);
      walls[node] = new Wall({
        ...{ lab, node, namespace: spaces[node], attach: 'tc' },
        ports: [
          { name: up, side: 'uplink' },
          { name: dn, side: 'inside' },
        ],
        api:
          `listen: "${ADDRESS[node]}:7443", tls: {ca: pki/ca.pem, crl: pki/crl.pem, ` +
          `cert: pki/${node}.pem, key: pki/${node}.key}`,
        more: [`ha: {peer: {name: ${other}, address: "${ADDRESS[other]}:7443"}}`],
      });
    }
    await lab.settled();
    for (const node of NAMES) await walls[node].start();
  });
  afterAll(() => lab.close());

  it('what is applied on either', async () => {
    await expect.poll(async () => (await sync('fw1')).connected, WITHIN).toBe(true);
    const first = await apply('fw1', 'one.yaml', policy(80));
    await expect.poll(digests, WITHIN).toEqual([first, first]);
    const [entry] = await walls.fw2.json<HistoryEntry[]>('history');
    expect(entry).toMatchObject({ why: 'from fw1', received: true, origin: { node: 'fw1' } });
    expect(await walls.fw2.run(['history'])).toMatch(/ on fw1 /);
    const second = await apply('fw2', 'two.yaml', policy(443));
    expect(second).not.toBe(first);
    await expect.poll(digests, WITHIN).toEqual([second, second]);
    for (const node of NAMES) {
      const agreed = async () => (await sync(node)).policyMatches;
      await expect.poll(agreed, WITHIN).toBe(true);
    }
  });

  it('not what one of them cannot install, and says so', async () => {
    const bound = await apply('fw1', 'bound.yaml', policy(8080, '    port: dn-fw1\n'));
    const pending = async () => (await sync('fw1')).policyPending;
    await expect.poll(pending, WITHIN).toMatch(/^fw2 cannot install generation 3: .*port dn-fw1/);
    expect((await status('fw2')).policy?.digest).not.toBe(bound);
    const alarms = async () => (await status('fw2')).alarms.map(({ kind }) => kind);
    await expect.poll(alarms, WITHIN).toContain('policy');
    const next = await apply('fw1', 'next.yaml', policy(8081));
    await expect.poll(digests, WITHIN).toEqual([next, next]);
    await expect.poll(alarms, WITHIN).not.toContain('policy');
  });

  it('what was applied alone, as soon as they see each other again', async () => {
    link('down');
    await expect.poll(async () => (await sync('fw1')).connected, WITHIN).toBe(false);
    const older = await apply('fw2', 'older.yaml', policy(8082));
    await apply('fw1', 'old.yaml', policy(8083));
    const alone = await apply('fw1', 'alone.yaml', policy(8084));
    expect((await status('fw2')).policy?.digest).toBe(older);
    // The stream is silent before the channel is known to be gone.
    await expect
      .poll(() => sync('fw1'), WITHIN)
      .toMatchObject({
        policyMatches: false,
        policyPending: expect.stringMatching(/^generation \d+ waits until fw2 is connected$/),
      });
    expect(await walls.fw1.run(['status'])).toMatch(/waits until fw2 is connected/);
    // Their segments are not one here: whoever became active last, in a later epoch, has the policy that holds.
    const origin = async (node: Name) =>
      (await walls[node].json<HistoryEntry[]>('history'))[0]!.origin;
    const [one, two] = [await origin('fw1'), await origin('fw2')];
    const first = two.epoch - one.epoch || two.generation - one.generation;
    const holds = first < 0 ? alone : older;
    link('up');
    await expect.poll(digests, WITHIN).toEqual([holds, holds]);
    await expect.poll(async () => (await sync('fw2')).policyMatches, WITHIN).toBe(true);
  });

  it('members of groups, with the time that is left, and what was done while they were apart', async () => {
    const members = async (node: Name) => {
      const list = await walls[node].json<SetMember[]>('set', 'list', 'bad');
      return list.map(({ address }) => address).sort();
    };
    const both = async () => [await members('fw1'), await members('fw2')];
    await walls.fw1.run(['set', 'add', 'bad', '203.0.113.1', '--ttl', '1h']);
    await walls.fw2.run(['set', 'add', 'bad', '203.0.113.2']);
    const two = ['203.0.113.1', '203.0.113.2'];
    await expect.poll(both, WITHIN).toEqual([two, two]);
    const list = await walls.fw2.json<SetMember[]>('set', 'list', 'bad');
    const ttls = Object.fromEntries(list.map(({ address, ttl }) => [address, ttl]));
    expect(ttls['203.0.113.2']).toBeNull();
    expect(ttls['203.0.113.1']).toBeGreaterThan(3000);
    expect(ttls['203.0.113.1']).toBeLessThanOrEqual(3600);
    link('down');
    await expect.poll(async () => (await sync('fw1')).connected, WITHIN).toBe(false);
    await walls.fw1.run(['set', 'del', 'bad', '203.0.113.1']);
    await walls.fw1.run(['set', 'add', 'bad', '203.0.113.3']);
    await walls.fw2.run(['set', 'add', 'bad', '2001:db8::4']);
    link('up');
    const three = ['2001:db8::4', '203.0.113.2', '203.0.113.3'];
    await expect.poll(both, WITHIN).toEqual([three, three]);
  });

  it('what was applied last, when both come back and one has an older policy', async () => {
    await walls.fw2.stop();
    const later = await apply('fw1', 'later.yaml', policy(8085));
    await walls.fw1.stop();
    for (const node of ['fw2', 'fw1'] as const) await walls[node].start();
    await expect.poll(digests, WITHIN).toEqual([later, later]);
  });
});
