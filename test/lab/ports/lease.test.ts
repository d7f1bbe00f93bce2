/**
 * What the kernel's bridge makes of a port counts in the packet path: through the mirror while the
 * daemon lives, through the bridge itself once the mirror's lease has lapsed.
 */
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Bench,
  EventEar,
  LiveConnection,
  macOf,
  policy,
  received,
  SERVER,
} from '../daemon/bench.js';

const WITHIN = { timeout: 10_000, interval: 20 };
/** Past the two seconds of the lease. */
const LAPSE_MS = 2500;

let bench: Bench;

async function stand(attach: string): Promise<void> {
  bench = new Bench(attach);
  await bench.serve(80);
  await bench.start();
  await bench.apply(policy([80]));
  expect(await bench.pings()).toBe(2);
}

/** A wall whose links are quiet but for what the test sends: nobody has to ask for an address. */
async function quiet(attach: string): Promise<void> {
  await stand(attach);
  const entry = [SERVER.v4, 'lladdr', macOf(bench.server), 'dev', 'e0', 'nud', 'permanent'];
  bench.client.ip('neigh', 'replace', ...entry);
}

afterEach(() => bench.close());

function setState(port: string, state: number): void {
  bench.wall.exec('bridge', 'link', 'set', 'dev', port, 'state', String(state));
}

/** How many pings, one after the other and without waiting for ARP, were answered. */
async function answered(count: number, ...more: string[]): Promise<number> {
  const args = ['ping', '-q', '-i', '0.02', '-W', '1', '-c', String(count), ...more, SERVER.v4];
  return received((await bench.client.run(args)).stdout);
}

async function dropped(reason: string): Promise<number> {
  return (await bench.api.status()).counters.dropped[reason] ?? 0;
}

async function until(field: 'stp' | 'carrier' | 'mtu', value: unknown): Promise<void> {
  const now = async () => (await bench.api.ports()).find(({ name }) => name === 'dn0')![field];
  await expect.poll(now, WITHIN).toBe(value);
}

/** Frames that have reached the server. */
function arrived(): number {
  const [link] = JSON.parse(bench.server.ip('-j', '-s', 'link', 'show', 'dev', 'e0')) as [
    { stats64: { rx: { packets: number } } },
  ];
  return link.stats64.rx.packets;
}

describe.each(['tc', 'xdp', 'generic'])('in %s', (attach) => {
  beforeEach(() => quiet(attach));

  it('a port that is set to disabled lets nothing through, daemon alive or dead', async () => {
    setState('dn0', 0);
    await until('stp', 'disabled');
    let frames = arrived();
    const stp = await dropped('stp');
    expect(await answered(10)).toBe(0);
    expect(await dropped('stp')).toBe(stp + 10);
    expect(arrived()).toBe(frames);
    setState('dn0', 3);
    await until('stp', 'forwarding');
    expect(await answered(10)).toBe(10);

    await bench.kill();
    await setTimeout(LAPSE_MS);
    expect(await answered(10)).toBe(10);
    setState('dn0', 0);
    frames = arrived();
    expect(await answered(10)).toBe(0);
    expect(arrived()).toBe(frames);
    setState('dn0', 3);
    expect(await answered(10)).toBe(10);

    // The next daemon finds it as the kernel has it.
    setState('dn0', 0);
    await bench.start();
    await until('stp', 'disabled');
    frames = arrived();
    expect(await answered(10)).toBe(0);
    expect(arrived()).toBe(frames);
    setState('dn0', 3);
    await until('stp', 'forwarding');
    expect(await answered(10)).toBe(10);
  });

  it('loses nothing when the lease lapses, nor when the next daemon renews it', async () => {
    // Aggregates as well: full offloads where no native XDP is in the way.
    if (attach === 'tc') {
      for (const end of [bench.client, bench.server]) end.exec('ethtool', '-K', 'e0', 'tx', 'on');
    }
    const connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('before')).toBe(true);
    const { passed } = (await bench.api.status()).counters;
    const count = 6000;
    const pinging = bench.client.run([
      ...['ping', '-q', '-i', '0.001', '-c', String(count), '-W', '2', SERVER.v4],
    ]);
    await setTimeout(300);
    await bench.kill();
    await setTimeout(LAPSE_MS);
    expect(await connection.echoes('lapsed')).toBe(true);
    expect(await connection.echoes('x'.repeat(2_000_000), 20_000)).toBe(true);
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
    await bench.start();
    expect(received((await pinging).stdout)).toBe(count);
    expect(await connection.echoes('after')).toBe(true);
    // It was the kernel bridge that carried them meanwhile.
    expect((await bench.api.status()).counters.passed).toBeGreaterThan(passed + 500);
  });
});

// Fixtures say the same of the other hooks.
describe('in xdp', () => {
  beforeEach(() => quiet('xdp'));

  it('says why when the way out has no carrier, or takes no such length', async () => {
    const ear = await EventEar.listen(bench.api);
    bench.wall.ip('link', 'set', 'dn0', 'mtu', '1280');
    await until('mtu', 1280);
    expect(await answered(5, '-s', '1400')).toBe(0);
    expect(await dropped('mtu')).toBe(5);
    // An IP packet of 1284 bytes: the tag that it has not is free.
    expect(await answered(5, '-s', '1256')).toBe(5);
    expect(await answered(5, '-s', '1257')).toBe(0);
    expect(await dropped('mtu')).toBe(10);

    bench.server.ip('link', 'set', 'e0', 'down');
    await until('carrier', false);
    expect(await answered(5)).toBe(0);
    expect(await dropped('carrier')).toBe(5);
    expect((await bench.api.status()).counters.txFailed).toBe(0);
    bench.server.ip('link', 'set', 'e0', 'up');
    await until('stp', 'forwarding');
    // What `ports` says and what events tell go different ways.
    await expect.poll(() => ear.of('port-state').at(-1), WITHIN).toMatchObject({ carrier: true });
    const events = ear.of('port-state');
    expect(events.map(({ port }) => port)).toEqual(events.map(() => 'dn0'));
    expect(events).toContainEqual(expect.objectContaining({ mtu: 1280, state: 'forwarding' }));
    expect(events).toContainEqual(expect.objectContaining({ carrier: false, state: 'disabled' }));
    expect(events.at(-1)).toMatchObject({ carrier: true, state: 'forwarding', mtu: 1280 });
    ear.close();

    await bench.kill();
    await setTimeout(LAPSE_MS);
    expect(await answered(5, '-s', '1257')).toBe(0);
    expect(await answered(5, '-s', '1256')).toBe(5);
  });
});
