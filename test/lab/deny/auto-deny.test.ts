/** `onDrop` in a wall that runs: who scans is banned, and whose name is only misused is not. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Bench, CLIENT, EventEar, LiveConnection, SERVER } from '../daemon/bench.js';
import { forge, scan } from './scanner.js';

const MGMT = '10.9.0.7';
const INNOCENT = '10.9.0.3';
const ABSENT = '10.9.0.99';
const OTHER = '10.9.0.98';
const WITHIN = { timeout: 20_000 };

const policy = (onDrop: string) => `
apiVersion: bridgewall/v1
groups:
  mgmt: [${MGMT}]
  badguys: {dynamic: true, max: 100}
  quarantine: {dynamic: true, max: 100, allowScreened: true}
hosts:
  server: {addresses: [${SERVER.v4}, "${SERVER.v6}"], in: {80/tcp: any}}
deny:
  - {from: badguys}
  - {from: quarantine}
defaults:
  log: {drops: none}
${onDrop}
`;

const SAFE = policy(`  onDrop:
    - {deny: badguys, side: uplink, after: 10/10s, ttl: 10m}
    - {deny: quarantine, side: inside, after: 10/10s, ttl: 10m}`);
const TRUSTING = policy(
  '  onDrop: {deny: badguys, side: uplink, after: 10/10s, ttl: 10m, spoofable: true}',
);

let bench: Bench;
let ear: EventEar;

const members = async (group: string) =>
  (await bench.api.setMembers(group)).map(({ address }) => address).sort();
const dropped = async (reason: string) => (await bench.api.counters()).total.dropped[reason] ?? 0;

/** Sends in the names of others, until the wall has seen it all. */
async function forged(times: number, ...sources: string[]): Promise<void> {
  const before = await dropped('no-in');
  await forge(bench, times, ...sources);
  await expect.poll(() => dropped('no-in'), WITHIN).toBe(before + times * sources.length);
}

beforeAll(async () => {
  bench = new Bench();
  bench.client.ip('address', 'add', `${INNOCENT}/24`, 'dev', 'e0');
  await bench.serve(80);
  await bench.start();
  ear = await EventEar.listen(bench.api);
  await bench.apply(SAFE);
});
afterEach(async () => {
  for (const group of ['badguys', 'quarantine']) {
    const all = await members(group);
    if (all.length > 0) await bench.api.setDelete(group, all);
  }
  await bench.api.killStates({}, true, { user: 'test', uid: null });
  ear.events.length = 0;
});
afterAll(async () => {
  ear?.close();
  await bench.close();
});

it('a scanner from outside is banned, and its live connection ends', async () => {
  const connection = new LiveConnection(bench, 80);
  expect(await connection.echoes('before')).toBe(true);
  await scan(bench.client, SERVER.v4, 12);
  await expect.poll(() => members('badguys'), WITHIN).toEqual([CLIENT.v4]);
  expect(ear.of('auto-denied')).toMatchObject([
    {
      ...{ address: CLIENT.v4, group: 'badguys', ttl: 600, reason: 'no-in', drops: 10 },
      ...{ seconds: 10, port: 'up0', file: 'policy.yaml', line: 15 },
      last: expect.stringMatching(/^tcp 10\.9\.0\.2 port 20\d\d$/),
    },
  ]);
  await expect.poll(() => ear.of('state-cut').length, WITHIN).toBe(1);
  expect(await connection.echoes('after')).toBe(false);
  expect(await bench.connects(80)).toBe(false);
});

it('a host inside that scans goes into quarantine', async () => {
  expect(await bench.connects(80)).toBe(true);
  await scan(bench.server, CLIENT.v4, 12);
  await expect.poll(() => members('quarantine'), WITHIN).toEqual([SERVER.v4]);
  expect(ear.of('auto-denied')).toMatchObject([{ group: 'quarantine', reason: 'no-out' }]);
  expect(await members('badguys')).toEqual([]);
});

it('a flood in the names of others bans nobody', async () => {
  const connection = new LiveConnection(bench, 80);
  expect(await connection.echoes('before')).toBe(true);
  await forged(2000, `${MGMT}/64`, `${ABSENT}/64`, `${CLIENT.v4}/50`, 'random');
  await scan(bench.client, SERVER.v4, 12);
  expect(await members('badguys')).toEqual([]);
  expect(await connection.echoes('after')).toBe(true);
});

it('asked for, spoofable drops ban as well, but nobody of mgmt', async () => {
  await bench.apply(TRUSTING);
  await forged(50, `${MGMT}/64`, `${ABSENT}/64`);
  await expect.poll(() => members('badguys'), WITHIN).toEqual([ABSENT]);
});

it('what crossed a threshold while no daemon ran is banned when it is back', async () => {
  await bench.kill();
  await forge(bench, 20, `${OTHER}/64`);
  ear.close();
  await bench.start();
  ear = await EventEar.listen(bench.api);
  await expect.poll(() => members('badguys'), WITHIN).toEqual([OTHER]);
});

it('it goes with its policy, and comes back with it', async () => {
  await bench.apply(policy(''));
  await forged(50, `${ABSENT}/64`);
  expect(await members('badguys')).toEqual([]);
  await bench.api.rollback(null, 'test');
  await forged(50, `${ABSENT}/64`);
  await expect.poll(() => members('badguys'), WITHIN).toEqual([ABSENT]);
});

it('three quarters of a group is all that it fills by itself', async () => {
  const many = Array.from({ length: 90 }, (_, i) => `198.18.0.${i + 1}`);
  await forged(10, ...many.map((one) => `${one}/64`));
  await expect.poll(async () => (await members('badguys')).length, WITHIN).toBe(75);
  await expect.poll(() => ear.of('auto-deny-failed').length, WITHIN).toBeGreaterThan(0);
  expect(await bench.api.setAdd('badguys', ['198.18.1.1'], null)).toBe(1);
});
