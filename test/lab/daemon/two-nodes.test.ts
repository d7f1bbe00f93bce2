/** Two daemons for two bridges in one namespace: what one has, does or suffers is nothing to the other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeClient } from '../../../src/control/api/client.js';
import type { LogRecord } from '../../../src/control/service.js';
import type { Namespace } from '../../../src/lab/netns.js';
import { Bench, type Daemon, policy, received, SERVER } from './bench.js';
import { answers, echo } from './udp.js';

const FULL = 8;
const GROUPS = [5, 6] as const;
const WITHIN = { timeout: 10_000, interval: 50 };

describe('two walls of one machine', () => {
  let bench: Bench;
  let second: NodeClient;
  let [daemon, other] = [] as unknown as [Daemon, Daemon];
  let config: string;
  let clients: readonly Namespace[];
  const watching = new AbortController();

  const api = () => [bench.api, second];
  const tables = (node: string) =>
    ['netdev', 'bridge'].map((family) =>
      bench.wall.exec('nft', '-s', 'list', 'table', family, `bridgewall_${node}`),
    );
  const pins = (node: string) => bench.wall.exec('find', join(bench.pins, node.replace('_', '-')));
  /** What stands of a node, as the tools of the distribution show it. */
  const standing = (node: string, port: string) => [
    ...tables(node),
    pins(node),
    bench.wall.exec('tc', 'filter', 'show', 'dev', port, 'ingress'),
    bench.wall.ip('-o', 'link', 'show', 'master', node === 'fw_1' ? 'br0' : 'br9').length,
  ];
  const pings = async (from: Namespace) =>
    received((await from.run(['ping', '-q', '-c', '2', '-i', '0.2', '-W', '3', SERVER.v4])).stdout);

  beforeAll(async () => {
    bench = new Bench();
    const client = bench.lab.namespace('client2');
    const server = bench.lab.namespace('server2');
    // The very same addresses: nothing but the wall tells the two sites apart.
    for (const [device, namespace, address] of [
      ['up9', client, '10.9.0.1/24'],
      ['dn9', server, `${SERVER.v4}/24`],
    ] as const) {
      const end = { namespace, device: 'e0', addresses: [address] };
      bench.lab.link({ namespace: bench.wall, device }, end);
    }
    clients = [bench.client, client];
    const text = readFileSync(bench.config, 'utf8')
      .replace('fw-1', 'fw-2')
      .replace('br0', 'br9')
      .replace('up0', 'up9')
      .replace('dn0', 'dn9')
      .replace(`group: ${GROUPS[0]}, rate: 10000/s`, `group: ${GROUPS[1]}, rate: 1/s`)
      .replaceAll(/(api\.sock|store$)/gm, '$1-2');
    config = bench.lab.file('second.yaml', `${text}\nstate: {max: ${FULL}}\n`);
    for (const at of [bench.server, server]) await echo(at, 7);
    daemon = await bench.start();
    other = await bench.start('--config', config);
    second = new NodeClient(`${bench.socket}-2`);
  });
  afterAll(async () => {
    watching.abort();
    second?.close();
    await bench.close();
  });

  it('have a policy, a history and dynamic groups each', async () => {
    const udp = '      7/udp: local';
    const [one, two] = api();
    const text = policy([]).replace('      ping: local', `      ping: local\n${udp}`);
    await one!.apply({ text, file: 'one.yaml' }, 'test');
    expect(await pings(clients[0]!)).toBe(2);
    expect(await two!.status()).toMatchObject({ node: 'fw-2', generation: 0, policy: null });
    expect(await pings(clients[1]!)).toBe(0);
    await two!.apply({ text: `${text}\n`, file: 'two.yaml' }, 'test');
    clients[1]!.ip('neigh', 'flush', 'all');
    expect(await pings(clients[1]!)).toBe(2);
    await two!.setAdd('badguys', ['10.9.0.1'], null);
    await expect.poll(() => pings(clients[1]!), WITHIN).toBe(0);
    expect(await pings(clients[0]!)).toBe(2);
    expect(await one!.setMembers('badguys')).toEqual([]);
    await two!.setDelete('badguys', ['10.9.0.1']);
    await expect.poll(() => pings(clients[1]!), WITHIN).toBe(2);
  });

  it('have room for connections each', async () => {
    // Once no ping is kept any more there is room for exactly so many.
    const before = (await second.status()).states.established;
    expect(await answers(clients[1]!, SERVER.v4, 7, FULL + 4)).toBe(FULL - before);
    expect(await second.status()).toMatchObject({ states: { established: FULL, max: FULL } });
    expect(await answers(clients[0]!, SERVER.v4, 7, FULL + 4)).toBe(FULL + 4);
    const dropped = await Promise.all(api().map(async (node) => (await node!.status()).counters));
    expect(dropped[1]!.dropped['table-full']).toBeGreaterThan(0);
    expect(dropped[0]!.dropped['table-full']).toBeUndefined();
    const killed = await second.killStates({}, true, { user: 'test', uid: null });
    expect(killed).toBeGreaterThanOrEqual(FULL);
    expect((await bench.api.status()).states.established).toBeGreaterThan(FULL);
    await expect.poll(() => pings(clients[1]!), WITHIN).toBe(2);
  });

  it('log each to its own group, at its own rate', async () => {
    const heard: LogRecord[][] = [[], []];
    for (const [i, node] of api().entries()) {
      await new Promise<void>((ready) => {
        void (async () => {
          try {
            for await (const { records } of node!.watchDrops(watching.signal, ready)) {
              heard[i]!.push(...records);
            }
          } catch {
            // The last test ends its daemon.
          }
        })();
      });
    }
    const code = `const s = require('dgram').createSocket('udp4'); let left = 50;
      const next = () => left-- > 0 ? s.send('x', 9, '${SERVER.v4}', () => setTimeout(next, 5)) : s.close();
      next();`;
    for (const client of clients) await client.run([process.execPath, '-e', code]);
    const drops = (i: number) => heard[i]!.filter((record) => record.dport === 9);
    await expect.poll(() => drops(0).length, WITHIN).toBe(50);
    await expect.poll(() => drops(1).length, WITHIN).toBeGreaterThan(0);
    expect(drops(1).length).toBeLessThan(25);
    expect(new Set(heard[0]!.map((record) => record.port))).toEqual(new Set(['up0']));
    expect(new Set(heard[1]!.map((record) => record.port))).toEqual(new Set(['up9']));
    const suppressed = await Promise.all(
      api().map(async (node) => (await node!.status()).counters),
    );
    expect(suppressed[0]!.logSuppressed).toBe(0);
    expect(suppressed[1]!.logSuppressed).toBeGreaterThanOrEqual(50 - drops(1).length);
  });

  it('put right what is theirs, and nothing else', async () => {
    const whole = ['fw_1', 'fw_2'].map(tables);
    bench.wall.exec('nft', 'delete', 'table', 'bridge', 'bridgewall_fw_2');
    bench.wall.exec('tc', 'qdisc', 'delete', 'dev', 'up9', 'clsact');
    await expect.poll(() => other.log, WITHIN).toMatch(/"repaired":"table"/);
    await expect.poll(() => other.log, WITHIN).toMatch(/"repaired":"program"/);
    await expect.poll(() => ['fw_1', 'fw_2'].map(tables), WITHIN).toEqual(whole);
    expect(daemon.log).not.toMatch(/repaired/);
    for (const client of clients) expect(await pings(client)).toBe(2);
  });

  it('come and go each by itself', async () => {
    const first = standing('fw_1', 'up0');
    await other.end('SIGKILL');
    for (const client of clients) expect(await pings(client)).toBe(2);
    const args = ['--config', config, '--detach'];
    expect(await bench.run(...args)).toMatchObject({ status: 0, stderr: '' });
    expect(standing('fw_1', 'up0')).toEqual(first);
    expect(bench.wall.exec('nft', 'list', 'tables')).not.toMatch(/fw_2/);
    expect(bench.wall.exec('find', bench.pins)).not.toMatch(/fw-2/);
    expect(await pings(clients[0]!)).toBe(2);
    expect(await bench.api.status()).toMatchObject({ node: 'fw-1', generation: 1 });
    expect(daemon.log).not.toMatch(/repaired|"level":50/);
  });
});
