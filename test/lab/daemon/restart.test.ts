import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, LiveConnection, policy, received, SERVER } from './bench.js';

describe('a daemon that goes and comes back', () => {
  let bench: Bench;

  beforeEach(async () => {
    bench = new Bench();
    await bench.serve(80, 25);
  });
  afterEach(() => bench.close());

  it('loses no packet when it is killed, and adopts what stands', async () => {
    const daemon = await bench.start();
    await bench.apply(policy([80]));
    await bench.api.setAdd('badguys', ['192.0.2.1', '192.0.2.2'], null);
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('one')).toBe(true);
    const before = await bench.api.status();
    const webBefore = await bench.api.counters({ rules: true });

    const count = 3000;
    const pinging = bench.client.run([
      ...['ping', '-q', '-i', '0.001', '-c', String(count), '-W', '2', SERVER.v4],
    ]);
    await bench.pings(SERVER.v4, 1);
    expect(await daemon.end('SIGKILL')).toBe(-1);
    expect(await connection.echoes('two')).toBe(true);
    await bench.start();
    expect(received((await pinging).stdout)).toBe(count);

    expect(await connection.echoes('three')).toBe(true);
    const after = await bench.api.status();
    expect([after.generation, after.policy]).toEqual([before.generation, before.policy]);
    expect(after.states.established).toBeGreaterThanOrEqual(before.states.established);
    expect(await bench.api.sets()).toMatchObject([{ name: 'badguys', members: 2 }]);
    const web = (await bench.api.counters({ rules: true })).rules;
    for (const [i, { rule, connections }] of webBefore.rules.entries()) {
      expect(web[i]!.rule).toEqual(rule);
      expect(web[i]!.connections).toBeGreaterThanOrEqual(connections);
    }
    expect(await bench.apply(policy([80]))).toMatchObject({ installed: false });
  });

  it('leaves nft tables that are whole as they stand, and no others', async () => {
    // A chain that is made anew drops by its policy until the transaction that made it is over.
    const handles = () =>
      ['netdev', 'bridge'].map((family) =>
        bench.wall.exec('nft', '-a', '-s', 'list', 'table', family, 'bridgewall_fw_1'),
      );
    await bench.start();
    const first = handles();
    await bench.restart();
    expect(handles()).toEqual(first);
    await bench.kill();
    bench.wall.exec('nft', 'add', 'rule', 'bridge', 'bridgewall_fw_1', 'input', 'accept');
    const changed = handles();
    await bench.start();
    const mended = handles();
    expect(mended).not.toEqual(changed);
    expect(mended[1]).not.toMatch(/iifname @ports counter name "to_box" drop[^\n]*\n\t*accept/);
    await bench.restart();
    expect(handles()).toEqual(mended);
  });

  it('leaves the wall up on SIGTERM, and nothing of itself', async () => {
    const daemon = await bench.start();
    await bench.apply(policy([80]));
    expect(await daemon.end('SIGTERM')).toBe(0);
    expect(existsSync(bench.socket)).toBe(false);
    expect(await bench.pings()).toBe(2);
    expect(await bench.connects(25)).toBe(false);
  });

  it('installs the last policy anew when the kernel has lost everything', async () => {
    const daemon = await bench.start();
    await bench.apply(policy([]));
    await bench.apply(policy([80]));
    await daemon.end('SIGKILL');
    expect((await bench.run('--detach')).status).toBe(0);
    const again = await bench.start();
    expect(again.log).toContain('installed the last policy of the store anew');
    expect(await bench.api.status()).toMatchObject({ generation: 3, policy: { rules: 3 } });
    expect(await bench.connects(80)).toBe(true);
  });

  it('installs the stored policy anew when the text of what judges is gone', async () => {
    const daemon = await bench.start();
    await bench.apply(policy([]));
    await bench.apply(policy([80]));
    await daemon.end('SIGKILL');
    const generations = join(bench.lab.directory, 'store', 'generations');
    rmSync(join(generations, '2.json'));
    const again = await bench.start();
    expect(again.log).toMatch(/generation 2 is not kept/);
    // What current.json names is gone too: what judges stays, and says that it is not known.
    expect(await bench.api.status()).toMatchObject({ generation: 2, policy: null });
    expect(await bench.connects(80)).toBe(true);
    expect((await bench.apply(policy([]))).generation).toBe(3);
    expect(readdirSync(generations).sort()).toEqual(['1.json', '3.json']);
    expect(await bench.connects(80)).toBe(false);
  });

  it('finds the newest generation that was installed when current.json is corrupt', async () => {
    const daemon = await bench.start();
    await bench.apply(policy([]));
    await bench.apply(policy([80]));
    await bench.api.apply({ text: policy([80, 25]), file: 'p.yaml' }, 'test', {
      confirmSeconds: 1,
    });
    await expect
      .poll(async () => (await bench.api.status()).generation, { timeout: 20_000 })
      .toBe(4);
    await daemon.end('SIGKILL');
    const store = join(bench.lab.directory, 'store');
    const kept = (n: number) => join(store, 'generations', `${n}.json`);
    // As an apply leaves it that is killed before its switch.
    const staged = JSON.parse(readFileSync(kept(3), 'utf8'));
    staged.content.generation = 5;
    staged.sha256 = createHash('sha256').update(JSON.stringify(staged.content)).digest('hex');
    writeFileSync(kept(5), JSON.stringify(staged));

    writeFileSync(join(store, 'current.json'), '{');
    const adopted = await bench.start();
    expect(await bench.api.status()).toMatchObject({ generation: 4, policy: { rules: 3 } });
    await adopted.end('SIGKILL');

    expect((await bench.run('--detach')).status).toBe(0);
    writeFileSync(join(store, 'current.json'), '');
    writeFileSync(kept(4), 'torn');
    writeFileSync(kept(5), JSON.stringify(staged));
    const again = await bench.start();
    expect(again.log).toMatch(/current\.json: is corrupt: [^\n]*generation 2 is the newest/);
    expect(await bench.api.status()).toMatchObject({ generation: 6, policy: { rules: 3 } });
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
  });

  it('adopts a wall that was given an address or a route meanwhile, and says so', async () => {
    const daemon = await bench.start();
    await bench.apply(policy([80]));
    await daemon.end('SIGKILL');
    bench.wall.ip('address', 'add', '192.0.2.7/24', 'dev', 'dn0');
    bench.wall.ip('address', 'add', '192.0.2.8/24', 'dev', 'br0');
    bench.wall.ip('route', 'add', 'default', 'dev', 'br0');
    const again = await bench.start();
    expect(again.log).toContain('dn0 has the address 192.0.2.7/24');
    expect(again.log).toContain('br0 has the address 192.0.2.8/24');
    expect(again.log).toContain('br0 carries the default route');
    expect(await bench.api.status()).toMatchObject({ generation: 1, policy: { rules: 3 } });
    expect(await bench.connects(80)).toBe(true);
    await again.end('SIGTERM');
    expect((await bench.run('--detach')).status).toBe(0);
    expect((await bench.run()).stderr).toMatch(/^bridgewalld: [^\n]*has the address[^\n]*\n$/);
  });

  it('takes another attach mode without losing a connection', async () => {
    await (await bench.start()).end('SIGTERM');
    const daemon = await bench.start();
    await bench.apply(policy([80]));
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('tc')).toBe(true);
    await daemon.end('SIGTERM');
    for (const attach of ['generic', 'xdp', 'tc', 'auto']) {
      bench.configure({ attach });
      const next = await bench.start();
      const { attach: ports } = await bench.api.status();
      const mode = attach === 'auto' ? 'tc' : attach;
      expect(ports.map((port) => port.mode)).toEqual([mode, mode]);
      expect(ports.every((port) => port.why.startsWith(`${mode}: `))).toBe(true);
      expect(await connection.echoes(`in ${attach}`)).toBe(true);
      expect(await bench.connects(25)).toBe(false);
      await next.end('SIGTERM');
    }
  });

  it('keeps the numbers and counters of ports while others come and go', async () => {
    bench.wall.ip('link', 'add', 'dn1', 'type', 'veth', 'peer', 'name', 'e1');
    bench.wall.ip('link', 'set', 'dn1', 'up');
    const three =
      '[{name: dn1, side: inside}, {name: up0, side: uplink}, {name: dn0, side: inside}]';
    bench.configure({ ports: three });
    const daemon = await bench.start();
    await bench.apply(policy([]));
    expect(await bench.pings()).toBe(2);
    const before = await bench.api.ports();
    expect(before.map((port) => port.name)).toEqual(['dn1', 'up0', 'dn0']);
    await daemon.end('SIGTERM');
    bench.configure({});
    await bench.start();
    const after = await bench.api.ports();
    expect(after.map((port) => port.name)).toEqual(['up0', 'dn0']);
    expect(after[0]!.counters.rx).toBeGreaterThanOrEqual(before[1]!.counters.rx);
    expect(bench.wall.ip('link', 'show', 'dn1')).not.toContain('master');
    expect(bench.wall.exec('tc', 'filter', 'show', 'dev', 'dn1', 'ingress')).toBe('');
    expect(await bench.pings()).toBe(2);
  });
});

describe('a first start that is killed', () => {
  it('is made good by the next one, and opens nothing meanwhile', async () => {
    const bench = new Bench();
    try {
      await bench.serve(80, 25);
      const first = await bench.start();
      await bench.apply(policy([80]));
      await first.end('SIGTERM');
      for (let wait = 200; wait <= 1000; wait += 200) {
        expect((await bench.run('--detach')).status).toBe(0);
        const daemon = bench.spawn();
        await new Promise((resolve) => setTimeout(resolve, wait));
        await daemon.end('SIGKILL');
        expect(await bench.connects(25)).toBe(false);
      }
      await bench.start();
      expect(await bench.pings()).toBe(2);
      expect(await bench.connects(80)).toBe(true);
      expect(await bench.connects(25)).toBe(false);
    } finally {
      await bench.close();
    }
  });
});
