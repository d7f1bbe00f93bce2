/** Jumbo frames of real stacks through a real daemon: TCP, datagrams in fragments, and an MTU that changes. */
import { afterEach, describe, expect, it } from 'vitest';
import { Bench, CLIENT, received, SERVER } from '../daemon/bench.js';

const TCP_BYTES = '8M';
const UDP_BYTES = 20_000;
const DATAGRAMS = 40;
const PORT = 5201;
const FAMILIES = ['v4', 'v6'] as const;
const NOT_FRAMES = ['txFailed', 'logSuppressed', 'logLost', 'sessionsLost', 'liberal', 'pickedUp'];

const POLICY = `
apiVersion: bridgewall/v1
hosts:
  server:
    addresses: [${SERVER.v4}, "${SERVER.v6}"]
    in:
      ping: any
      ${PORT}/tcp: any
      ${PORT}/udp: any
`;

const ECHO = `const s = require('dgram').createSocket('udp6');
  s.on('message', (m, { port, address }) => s.send(m, port, address));
  s.bind(${PORT}, '::', () => console.log('ready'));`;

/** Sends datagrams one after the other and says how many came back whole. */
const ASK = `const [family, address] = process.argv.slice(1);
  const dgram = require('dgram'); let back = 0;
  const sent = Buffer.alloc(${UDP_BYTES}, 0x5a);
  (async () => {
    const s = dgram.createSocket(family === 'v4' ? 'udp4' : 'udp6');
    for (let i = 0; i < ${DATAGRAMS}; i++) await new Promise((resolve) => {
      const late = setTimeout(resolve, 2000);
      s.once('message', (m) => { back += m.equals(sent); clearTimeout(late); resolve(); });
      s.send(sent, ${PORT}, address);
    });
    console.log(back); s.close();
  })();`;

let bench: Bench;

afterEach(() => bench.close());

/** Of the uplink's cable, the inside's, or both. */
function setMtu(mtu: number, cables: readonly ('up0' | 'dn0')[] = ['up0', 'dn0']): void {
  for (const port of cables) {
    const end = port === 'up0' ? bench.client : bench.server;
    // Neither end may be told of more than the other takes.
    bench.wall.ip('link', 'set', port, 'mtu', `${mtu}`);
    end.ip('link', 'set', 'e0', 'mtu', `${mtu}`);
  }
}

async function serve(): Promise<void> {
  bench.server.spawn(['iperf3', '-s', '-p', `${PORT}`], { stdio: 'ignore' });
  const child = bench.server.spawn([process.execPath, '-e', ECHO], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  const listens = () => bench.server.exec('ss', '-Hltn', `sport = ${PORT}`).trim();
  await expect.poll(listens).not.toBe('');
}

/** Answers to pings that must not be cut, of so many bytes of data. */
async function whole(bytes: number, to: string, count = 3): Promise<number> {
  const args = [
    'ping',
    '-q',
    '-M',
    'do',
    '-s',
    `${bytes}`,
    '-c',
    `${count}`,
    '-i',
    '0.1',
    '-W',
    '2',
  ];
  return received((await bench.client.run([...args, to])).stdout);
}

function bytesReceived(json: string): number {
  const { end } = JSON.parse(json) as { end: { sum_received: { bytes: number } } };
  return end.sum_received.bytes;
}

/** Frames that a port has counted, and those of which it says what became of them. */
async function sums(): Promise<[rx: number, ended: number][]> {
  return (await bench.api.ports()).map(({ counters }) => {
    const { rx, dropped, ...rest } = counters;
    const ended = Object.entries(rest).filter(([name]) => !NOT_FRAMES.includes(name));
    const all = [...ended.map(([, n]) => n), ...Object.values(dropped)];
    return [rx, all.reduce((sum: number, n) => sum + Number(n), 0)];
  });
}

const why = async () => (await bench.api.status()).attach.map((port) => port.why);

describe.each(['xdp', 'generic', 'tc'] as const)('at MTU 9000 in %s', (attach) => {
  it('TCP and fragments cross, and every frame is in one counter', async () => {
    bench = new Bench(attach);
    setMtu(9000);
    await bench.start();
    await bench.apply(POLICY);
    await serve();
    let carried = 0;
    for (const family of FAMILIES) {
      expect(await whole(8900, SERVER[family]), `ping ${family}`).toBe(3);
      for (const way of [[], ['-R']]) {
        const args = ['-J', '-c', SERVER[family], '-p', `${PORT}`, '-n', TCP_BYTES, ...way];
        const { status, stdout } = await bench.client.run(['iperf3', ...args], {
          timeoutMs: 60_000,
        });
        expect(status, stdout).toBe(0);
        carried += bytesReceived(stdout);
      }
      const ask = [process.execPath, '-e', ASK, family, SERVER[family]];
      const { stdout } = await bench.client.run(ask, { timeoutMs: 100_000 });
      expect(Number(stdout), `datagrams ${family}`).toBe(DATAGRAMS);
    }
    const { attach: attached, counters } = await bench.api.status();
    expect(attached.map(({ mode }) => mode)).toEqual([attach, attach]);
    for (const [rx, ended] of await sums()) expect(rx).toBe(ended);
    expect(counters.txFailed).toBe(0);
    const { fragment, 'fragment-overlap': overlap, mtu } = counters.dropped;
    expect({ fragment, overlap, mtu }).toEqual({});
    const malformed = Object.keys(counters.dropped).filter((name) => name.startsWith('malformed'));
    expect(malformed).toEqual([]);
    const { rules } = await bench.api.counters({ rules: true });
    const bytesOf = (service: string) => rules.find((each) => each.rule.service === service)!.bytes;
    // Both families there and back, with the headers of every fragment.
    expect(bytesOf(`${PORT}/udp`)).toBeGreaterThan(2 * 2 * DATAGRAMS * UDP_BYTES);
    expect(carried).toBeGreaterThan(4 * 5 * 2 ** 20);
    expect(bytesOf(`${PORT}/tcp`)).toBeGreaterThan(carried);
  });
});

describe('in native XDP', () => {
  it('an MTU that is raised and lowered is heeded at once, and no frame goes unjudged', async () => {
    bench = new Bench('xdp');
    await bench.start();
    await bench.apply(POLICY);
    expect(await bench.pings()).toBe(2);
    setMtu(9000);
    const mtus = async () => (await bench.api.ports()).map((port) => port.mtu);
    await expect.poll(mtus).toEqual([9000, 9000]);
    for (const family of FAMILIES) expect(await whole(8900, SERVER[family])).toBe(3);
    expect((await bench.api.status()).attach.map(({ mode }) => mode)).toEqual(['xdp', 'xdp']);

    // The inside takes less than the uplink brings.
    setMtu(1500, ['dn0']);
    await expect.poll(mtus).toEqual([9000, 1500]);
    expect(await whole(8900, SERVER.v4)).toBe(0);
    expect((await bench.api.status()).counters.dropped).toMatchObject({ mtu: 3 });
    expect(await whole(1400, SERVER.v4)).toBe(3);
    setMtu(9000, ['dn0']);
    await expect.poll(mtus).toEqual([9000, 9000]);
    expect(await whole(8900, SERVER.v6)).toBe(3);
    for (const [rx, ended] of await sums()) expect(rx).toBe(ended);
    // A daemon that comes later finds them so.
    await bench.restart('SIGKILL');
    expect(await whole(8900, SERVER.v4)).toBe(3);
  });

  it('what a driver cannot send from XDP goes through tc, counted as ever', async () => {
    bench = new Bench('xdp');
    setMtu(9000);
    await bench.start();
    await bench.apply(POLICY);
    for (const family of FAMILIES) expect(await whole(8900, SERVER[family])).toBe(3);
    expect(await why()).toEqual(Array(2).fill('xdp: asked for by attach: xdp'));
    const [client, server] = [bench.client, bench.server].map((end) => end.ip('-j', 'neigh'));
    expect([client, server].join()).not.toContain('FAILED');
    for (const end of [bench.client, bench.server]) {
      for (const to of [CLIENT.v4, SERVER.v4]) {
        if (end.ip('neigh', 'show', to).includes('lladdr')) {
          end.ip('neigh', 'change', to, 'dev', 'e0', 'nud', 'permanent');
        }
      }
    }
    // Without NAPI at the other end a veth takes nothing from a devmap.
    bench.server.exec('ethtool', '-K', 'e0', 'gro', 'off');
    const trouble =
      'frames from up0 (MTU 9000) may take several buffers, which XDP cannot send by dn0';
    await expect.poll(async () => (await why())[0]).toContain(`${trouble}: tc sends them`);
    const before = (await bench.api.ports()).map(({ counters }) => counters);
    expect(await whole(8900, SERVER.v4, 5)).toBe(5);
    const after = (await bench.api.ports()).map(({ counters }) => counters);
    for (const port of [0, 1]) {
      expect(after[port]!.forwarded - before[port]!.forwarded).toBe(5);
      expect(after[port]!.txFailed).toBe(before[port]!.txFailed);
    }
    for (const [rx, ended] of await sums()) expect(rx).toBe(ended);
    bench.server.exec('ethtool', '-K', 'e0', 'gro', 'on');
    await expect.poll(why).toEqual(Array(2).fill('xdp: asked for by attach: xdp'));
    expect(await whole(8900, SERVER.v4)).toBe(3);
  });
});
