/** The example that follows Suricata's eve.json, against a wall that runs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { endChild } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';
import { Bench, CLIENT, LiveConnection, SERVER } from '../daemon/bench.js';

const WITHIN = { timeout: 20_000 };
const POLICY = `
apiVersion: bridgewall/v1
groups:
  badguys: {dynamic: true, max: 1000}
hosts:
  server: {addresses: [${SERVER.v4}, "${SERVER.v6}"], in: {80/tcp: any}}
deny:
  - {from: badguys}
`;

let bench: Bench;
let eve: string;
let follower: ChildProcess | undefined;
const said: string[] = [];

const members = async () =>
  (await bench.api.setMembers('badguys')).map(({ address }) => address).sort();

/** What Suricata writes of an alert. */
function alert(source: string, more: object = {}, of: object = {}): string {
  const event = {
    ...{ timestamp: '2026-11-28T20:00:00.000000+0000', event_type: 'alert', proto: 'TCP' },
    ...{ src_ip: source, src_port: 40_000, dest_ip: '203.0.113.80', dest_port: 80 },
    alert: { signature: 'ET SCAN made up', category: 'Attempted Recon', severity: 2, ...of },
    flow: { pkts_toserver: 5, pkts_toclient: 4 },
    ...more,
  };
  return `${JSON.stringify(event)}\n`;
}

/** Starts the example; resolves once it follows. */
async function follow(...more: string[]): Promise<void> {
  const program = join(ROOT, 'examples/suricata/ban.js');
  const args = ['--socket', bench.socket, '--eve', eve, '--ttl', '600', ...more];
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  follower = child;
  await expect.poll(() => said, WITHIN).toEqual([`following ${eve}`]);
}

beforeAll(async () => {
  bench = new Bench();
  eve = join(bench.lab.directory, 'eve.json');
  await bench.serve(80);
  await bench.start();
  await bench.apply(POLICY);
});
afterAll(() => bench.close());
beforeEach(() => {
  writeFileSync(eve, alert('198.51.100.99'));
});
afterEach(async () => {
  if (follower !== undefined) await endChild(follower, 2000);
  follower = undefined;
  said.length = 0;
  await bench.api.setDelete('badguys', await members());
});

it('ends the live connection of whom an alert tells', async () => {
  await follow('--private');
  const connection = new LiveConnection(bench, 80);
  expect(await connection.echoes('before')).toBe(true);
  const established = async () => (await bench.api.status()).states.established;
  await expect.poll(established, WITHIN).toBe(1);
  const alerted = performance.now();
  appendFileSync(eve, alert(CLIENT.v4));
  await expect.poll(members, { ...WITHIN, interval: 5 }).toEqual([CLIENT.v4]);
  const banned = performance.now();
  await expect.poll(established, { ...WITHIN, interval: 5 }).toBe(0);
  const cut = performance.now();
  const words = [banned, cut].map((at) => `${Math.round(at - alerted)} ms`);
  console.log(`  alert to member: ${words[0]}; to the end of the live connection: ${words[1]}`);
  expect(await connection.echoes('after')).toBe(false);
  expect(said).toContain(`banned ${CLIENT.v4}: ET SCAN made up`);
});

it('bans for what it was told to, and only whom it may', async () => {
  await follow('--never', '198.51.100.0/28', '--category', 'Attempted Recon');
  const lines = [
    ...['not json\n', '{"event_type":"flow","src_ip":"192.0.2.1"}\n', '\n', '17\n'],
    alert('192.0.2.2', {}, { severity: 3 }),
    alert('192.0.2.3', {}, { category: 'Misc activity' }),
    alert('192.0.2.4', { proto: 'UDP' }),
    alert('192.0.2.5', { flow: { pkts_toserver: 1, pkts_toclient: 0 } }),
    ...['10.1.2.3', '192.168.1.1', 'fd00::1', '198.51.100.7', 'nonsense', SERVER.v4].map((one) =>
      alert(one),
    ),
    alert('192.0.2.6', {}, { source: { ip: '192.0.2.7' } }),
    alert('2001:db8:77::1'),
  ];
  // Lines come in pieces, and the last one late.
  const text = lines.join('');
  appendFileSync(eve, text.slice(0, -20));
  await expect.poll(members, WITHIN).toEqual(['192.0.2.7']);
  appendFileSync(eve, text.slice(-20));
  await expect.poll(members, WITHIN).toEqual(['192.0.2.7', '2001:db8:77::1']);
  for (const { ttl } of await bench.api.setMembers('badguys')) {
    expect(ttl).toBeGreaterThan(500);
    expect(ttl).toBeLessThanOrEqual(600);
  }
});

it('goes on over a rotated log, a truncated one, and a daemon that restarts', async () => {
  await follow();
  appendFileSync(eve, alert('192.0.2.1'));
  renameSync(eve, `${eve}.1`);
  appendFileSync(`${eve}.1`, alert('192.0.2.2'));
  writeFileSync(eve, alert('192.0.2.3'));
  await expect.poll(members, WITHIN).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
  truncateSync(eve);
  await expect.poll(() => said.length, WITHIN).toBe(4);
  await bench.restart();
  // Whatever it read of the old length by then: the file is shorter now than what was read of it.
  appendFileSync(eve, alert('192.0.2.4'));
  await expect.poll(members, WITHIN).toContain('192.0.2.4');
  expect(said.filter((line) => line.startsWith('not banned'))).toEqual([]);
});
