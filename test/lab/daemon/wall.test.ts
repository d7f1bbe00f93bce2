import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DropBatch } from '../../../src/control/api/client.js';
import type { ExplainQuery, LogRecord, StateEntry } from '../../../src/control/service.js';
import { Bench, CLIENT, type Daemon, LiveConnection, policy, SERVER } from './bench.js';

const query = (o: Partial<ExplainQuery>): ExplainQuery => ({
  protocol: 'tcp',
  source: CLIENT.v4,
  sourcePort: 40000,
  destination: 'server',
  destinationPort: 80,
  icmpType: 0,
  port: '',
  vlan: [],
  ...o,
});

describe('a wall under a policy', () => {
  let bench: Bench;
  let daemon: Daemon;

  async function states(): Promise<StateEntry[]> {
    const all: StateEntry[] = [];
    for await (const batch of bench.api.states({})) all.push(...batch);
    return all;
  }

  /** Records that arrive while `work` runs, until one satisfies `wanted`. */
  async function logged(
    work: () => Promise<unknown>,
    wanted: (record: LogRecord) => boolean,
  ): Promise<LogRecord> {
    const abort = new AbortController();
    try {
      let first: Promise<IteratorResult<DropBatch>> | undefined;
      const stream = await new Promise<AsyncGenerator<DropBatch>>((resolve) => {
        const made = bench.api.watchDrops(abort.signal, () => resolve(made));
        first = made.next();
      });
      await work();
      for (let batch = await first!; !batch.done; batch = await stream.next()) {
        const found = batch.value.records.find(wanted);
        if (found !== undefined) return found;
      }
      throw new Error('the stream ended');
    } finally {
      abort.abort();
    }
  }

  beforeAll(async () => {
    bench = new Bench();
    await bench.serve(80, 443, 25);
    daemon = await bench.start();
  });
  afterAll(() => bench.close());

  it('lets nothing cross before a policy was applied', async () => {
    expect(await bench.pings()).toBe(0);
    const status = await bench.api.status();
    expect(status).toMatchObject({ node: 'fw-1', generation: 0, policy: null });
    expect(status.counters.dropped['no-policy']).toBeGreaterThan(0);
  });

  it('lets through what the matrix allows, of both families, and nothing else', async () => {
    const applied = await bench.apply(policy([80]));
    expect(applied).toMatchObject({ generation: 1, installed: true, rules: 3, hosts: 1 });
    expect(await bench.pings(SERVER.v4)).toBe(2);
    expect(await bench.pings(SERVER.v6)).toBe(2);
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(80, SERVER.v6)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
    expect(await bench.pings(CLIENT.v4, 2, bench.server)).toBe(0);
    const { total, rules } = await bench.api.counters({ rules: true });
    expect(total.dropped).toMatchObject({ 'no-in': expect.any(Number), 'no-out': 2 });
    const web = rules.find(({ rule }) => rule.service === '80/tcp');
    expect(web).toMatchObject({ connections: 2, rule: { host: 'server', direction: 'in' } });
  });

  it('installs the same policy only once', async () => {
    expect(await bench.apply(policy([80]))).toMatchObject({ generation: 1, installed: false });
    // A line that moved is no difference, but where lines stand must be known.
    const moved = await bench.apply(`# first\n${policy([80])}`);
    expect(moved).toMatchObject({ generation: 2, installed: true, changes: [] });
  });

  it('has every frame in exactly one counter', async () => {
    for (const port of await bench.api.ports()) {
      const { rx, forwarded, passed, answered, dropped } = port.counters;
      const drops = Object.values(dropped).reduce((sum, count) => sum + count, 0);
      expect(forwarded + passed + answered + drops).toBe(rx);
    }
  });

  it('explains without changing anything', async () => {
    const before = await bench.api.counters({ rules: true });
    const statesBefore = (await states()).length;
    expect(await bench.api.explain(query({}))).toMatchObject({
      verdict: 'accept',
      port: 'up0',
      rules: {
        in: { service: '80/tcp', host: 'server', file: 'policy.yaml', line: 11 },
        out: null,
      },
      state: null,
    });
    expect(await bench.api.explain(query({ destinationPort: 25 }))).toMatchObject({
      verdict: 'drop',
      reason: 'no-in',
    });
    const outwards = query({ source: 'server', destination: CLIENT.v4 });
    expect(await bench.api.explain(outwards)).toMatchObject({ reason: 'no-out', port: 'dn0' });
    expect(await bench.api.explain({ ...outwards, port: 'up0' })).toMatchObject({
      reason: 'spoofed',
    });
    const v6 = query({ source: CLIENT.v6, protocol: 'icmp6', icmpType: 128 });
    expect(await bench.api.explain(v6)).toMatchObject({ verdict: 'accept' });
    const after = await bench.api.counters({ rules: true });
    expect(after.total.dropped).toEqual(before.total.dropped);
    expect(after.rules.map((rule) => rule.connections)).toEqual(
      before.rules.map((rule) => rule.connections),
    );
    expect((await states()).length).toBe(statesBefore);
  });

  it('logs a drop with its reason, and an accepted opening with its rule', async () => {
    const drop = await logged(
      () => bench.connects(25),
      (record) => record.verdict === 'drop' && record.dport === 25,
    );
    expect(drop).toMatchObject({ reason: 'no-in', src: CLIENT.v4, port: 'up0', rule: null });
    const accept = await logged(
      () => bench.connects(80),
      (record) => record.verdict === 'accept',
    );
    expect(accept).toMatchObject({ dport: 80, rule: { service: '80/tcp', file: 'policy.yaml' } });
  });

  it('shows live connections with their rules', async () => {
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('hello')).toBe(true);
    const open = (await states()).filter((state) => state.phase === 'established');
    expect(open).toHaveLength(1);
    expect(open[0]).toMatchObject({ proto: 'tcp', src: CLIENT.v4, dst: SERVER.v4, dport: 80 });
    const { rules } = await bench.api.counters({ rules: true });
    const web = rules.find(({ rule }) => rule.service === '80/tcp');
    expect(open[0]!.rules.in).toBe(web!.rule.id);
  });

  it('cuts a live connection when its source is banned, until the ban ends', async () => {
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('before')).toBe(true);
    expect(await bench.api.setAdd('badguys', [CLIENT.v4], 3600)).toBe(1);
    expect(await bench.api.setAdd('badguys', [CLIENT.v4], 3600)).toBe(0);
    expect(await connection.echoes('after', 500)).toBe(false);
    expect(await bench.pings()).toBe(0);
    expect(await bench.api.sets()).toEqual([{ name: 'badguys', max: 3, members: 1 }]);
    const [member] = await bench.api.setMembers('badguys');
    expect(member).toMatchObject({ address: CLIENT.v4 });
    expect(member!.ttl).toBeGreaterThan(3000);
    expect(await bench.api.setDelete('badguys', [CLIENT.v4])).toBe(1);
    expect(await bench.pings()).toBe(2);
    expect(await bench.api.setAdd('badguys', [CLIENT.v4], 1)).toBe(1);
    await expect.poll(() => bench.pings(), { timeout: 10_000 }).toBe(2);
    await expect.poll(() => bench.api.sets(), { timeout: 10_000 }).toMatchObject([{ members: 0 }]);
  });

  it('refuses members that may not be', async () => {
    await expect(bench.api.setAdd('nobody', [CLIENT.v4], null)).rejects.toThrow(
      /no dynamic group nobody; there are badguys/,
    );
    await expect(bench.api.setAdd('badguys', [SERVER.v4], null)).rejects.toThrow(
      /10\.9\.0\.2 is the screened host server/,
    );
    await expect(bench.api.setAdd('badguys', ['010.0.0.1'], null)).rejects.toThrow(/leading zero/);
    await expect(bench.api.setAdd('badguys', [CLIENT.v4, 'ff02::1'], null)).rejects.toThrow(
      /^ff02::1 is a multicast address, which no host ever sends from; hint: /,
    );
    const four = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
    await expect(bench.api.setAdd('badguys', four, null)).rejects.toThrow(/holds 3 members/);
    expect(await bench.api.setDelete('badguys', four)).toBe(3);
  });

  it('cuts a live connection when its rule goes', async () => {
    await bench.apply(policy([80, 443]));
    const gone = new LiveConnection(bench, 80);
    const stays = new LiveConnection(bench, 443);
    expect(await gone.echoes('a')).toBe(true);
    expect(await stays.echoes('b')).toBe(true);
    const plan = await bench.api.plan({ text: policy([443]), file: 'policy.yaml' });
    expect(plan.changes).toMatchObject([{ kind: 'removed', before: { service: '80/tcp' } }]);
    expect((await bench.apply(policy([443]))).generation).toBe(4);
    expect(await gone.echoes('c', 500)).toBe(false);
    expect(await stays.echoes('d')).toBe(true);
    expect(daemon.log).toMatch(
      /"reason":"no-in".*"a live connection was cut by a change of policy"/,
    );
  });

  it('refuses a policy with a mistake in it, and stays as it was', async () => {
    const before = await bench.api.status();
    await expect(bench.apply(policy([70000]))).rejects.toMatchObject({
      code: 'invalid',
      position: { file: 'policy.yaml', line: 10 },
      message: expect.stringMatching(/^policy\.yaml:10:\d+: /),
    });
    const after = await bench.api.status();
    expect([after.generation, after.policy]).toEqual([before.generation, before.policy]);
    expect(await bench.connects(443)).toBe(true);
  });

  it('shows the matrix', async () => {
    expect(await bench.api.matrix()).toEqual({
      generation: 4,
      cells: [{ from: 'local', to: 'server', services: ['ping', '443/tcp'] }],
    });
  });
});
