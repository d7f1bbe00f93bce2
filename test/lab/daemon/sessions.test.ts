/** Connections that an operator follows with `bwctl watch sessions`, and the counters of `bwctl states`. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionRecord } from '../../../src/control/service.js';
import { endChild } from '../../../src/lab/netns.js';
import { bwctl, start } from '../api/bwctl.js';
import { Bench, CLIENT, LiveConnection, policy, SERVER } from './bench.js';

const POLICY = policy([80, 25]).replace(
  '80/tcp: {from: local, log: true}',
  '80/tcp: {from: local, log: session}',
);

describe('sessions', () => {
  let bench: Bench;
  let watch: ChildProcess;
  let records: SessionRecord[] = [];

  const env = () => ({ BWCTL_SOCKET: bench.socket });
  const follow = () => {
    watch = start(['watch', 'sessions', '-o', 'json'], env());
    createInterface({ input: watch.stdout! }).on('line', (line) => records.push(JSON.parse(line)));
  };

  beforeAll(async () => {
    bench = new Bench();
    await bench.serve(80, 25);
    await bench.start();
    await bench.apply(POLICY);
    follow();
  });
  afterAll(async () => {
    await endChild(watch, 5000);
    await bench.close();
  });

  it('are told once somebody follows them', async () => {
    const heard = async () => {
      await bench.connects(80);
      return records.length;
    };
    await expect.poll(heard, { timeout: 30_000, interval: 500 }).toBeGreaterThan(0);
    records = [];
  });

  it('are told with rule, place, reason and counts', async () => {
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('hello')).toBe(true);
    expect(await bench.connects(25)).toBe(true);
    const states = await bwctl(['states', 'port=80', 'phase=established', '-o', 'json'], env());
    const [state] = states.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(state.sent.packets).toBeGreaterThanOrEqual(3);
    const told = () => records.filter(({ sport }) => sport === state.sport);
    await expect.poll(() => told().length, { timeout: 20_000 }).toBe(1);
    expect((await bwctl(['states', 'kill', 'port=80', 'phase=established'], env())).code).toBe(0);
    await expect.poll(() => told().length, { timeout: 20_000 }).toBe(2);
    expect(told().map(({ event }) => event)).toEqual(['session-start', 'session-end']);
    const [, end] = told();
    expect(end).toMatchObject({
      ...{ proto: 'tcp', src: CLIENT.v4, dst: SERVER.v4, dport: 80, vlan: [], reason: 'killed' },
      rules: { out: null, in: { service: '80/tcp', file: 'policy.yaml', line: 10 }, transit: null },
    });
    expect(end!.sent).toEqual(state.sent);
    expect(end!.received.packets).toBeGreaterThanOrEqual(2);
    expect(records.filter(({ dport }) => dport !== 80)).toEqual([]);
  });

  it('that end while no daemon runs are told when it is back', async () => {
    await bench.kill();
    for (let i = 0; i < 3; i++) expect(await bench.connects(80)).toBe(true);
    await bench.start();
    const ending = new AbortController();
    const told: SessionRecord[] = [];
    const following = (async () => {
      for await (const { sessions } of bench.api.watchSessions(ending.signal)) {
        told.push(...sessions);
      }
    })().catch(() => {});
    await expect.poll(() => told.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
    ending.abort();
    await following;
    expect((await bench.api.counters()).total.sessionsLost).toBe(0);
  });

  it('are one line each for people', async () => {
    await endChild(watch, 5000);
    const lines: string[] = [];
    watch = start(['watch', 'sessions'], env());
    createInterface({ input: watch.stdout! }).on('line', (line) => lines.push(line));
    const started = async () => {
      await bench.connects(80);
      return lines.find((line) => line.includes(' end '));
    };
    await expect
      .poll(started, { timeout: 30_000, interval: 1000 })
      .toMatch(/end \w+ tcp 10\.9\.0\.1:\d+ -> 10\.9\.0\.2:80 .*sent \d+ packets \d+ bytes, got/);
  });
});
