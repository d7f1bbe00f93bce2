/**
 * Real stacks on both sides of a wall, with and without the options that windows depend on, over a
 * cable that loses frames: everything arrives, and no segment is out of window. WINDOWS_BYTES and
 * WINDOWS_CONNECTIONS make it longer.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { Bench, policy } from '../daemon/bench.js';
import { counted, ECHO, echoed, lose, SLOW, serve } from './traffic.js';

/** Bytes that two connections carry there and back, and short connections. */
const BULK_BYTES = Number(process.env.WINDOWS_BYTES ?? 1_500_000);
const CONNECTIONS = Number(process.env.WINDOWS_CONNECTIONS ?? 60);
const PATIENCE_MS = 300_000;

interface Case {
  readonly name: string;
  readonly attach: readonly ('tc' | 'xdp')[];
  /** Of both ends. */
  readonly sysctls?: Readonly<Record<string, number | string>>;
  readonly loss?: number;
  /** The ends hand the wall segments of many times the MTU. */
  readonly offloads?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'all options, 2% lost', attach: ['tc', 'xdp'], loss: 0.02 },
  {
    name: 'no scaling, SACK or timestamps, 2% lost',
    attach: ['xdp'],
    sysctls: { tcp_window_scaling: 0, tcp_sack: 0, tcp_timestamps: 0 },
    loss: 0.02,
  },
  {
    name: 'no SACK, 5% lost',
    attach: ['tc'],
    sysctls: { tcp_sack: 0 },
    loss: 0.05,
  },
  {
    name: 'windows that close',
    attach: ['tc', 'xdp'],
    sysctls: { tcp_rmem: '4096 4096 4096', tcp_wmem: '4096 4096 4096' },
  },
  { name: 'aggregated segments', attach: ['tc'], offloads: true },
];

let bench: Bench;

afterEach(() => bench.close());

for (const attach of ['tc', 'xdp'] as const) {
  describe(`in ${attach}`, () => {
    it.each(CASES.filter((one) => one.attach.includes(attach)))(
      '$name',
      async ({ name, sysctls = {}, loss, offloads }) => {
        bench = new Bench(attach);
        for (const end of [bench.client, bench.server]) {
          for (const [key, value] of Object.entries(sysctls)) end.sysctl(`net.ipv4.${key}`, value);
          if (offloads) end.exec('ethtool', '-K', 'e0', 'tx', 'on', 'tso', 'on', 'gso', 'on');
        }
        await bench.start();
        await serve(bench);
        await bench.apply(policy([ECHO, SLOW]));
        expect(await bench.pings()).toBe(2);
        if (loss !== undefined) lose(bench.client, loss);
        const small = sysctls.tcp_rmem !== undefined;
        const bulk = { port: ECHO, together: 2, bytes: small ? BULK_BYTES / 20 : BULK_BYTES };
        expect(await echoed(bench, { ...bulk, connections: 2 })).toBe(2);
        const many = { port: ECHO, connections: CONNECTIONS, together: 20, bytes: 5000 };
        expect(await echoed(bench, many)).toBe(CONNECTIONS);
        const slow = { port: SLOW, together: 4, bytes: small ? 20_000 : 100_000 };
        expect(await echoed(bench, { ...slow, connections: 4 })).toBe(4);
        // What the case is about has happened. A stack that loses its own frames hardly sends any again: it
        // is the other end that does, for most.
        const again = [bench.client, bench.server].map((end) => counted(end, 'RetransSegs'));
        if (loss !== undefined) expect(again[0]! + again[1]!).toBeGreaterThan(0);
        if (small) expect(counted(bench.server, 'TCPToZeroWindowAdv')).toBeGreaterThan(0);
        const { dropped } = (await bench.api.status()).counters;
        process.stdout.write(`  ${attach}, ${name}: dropped ${JSON.stringify(dropped)}\n`);
        expect(dropped).not.toHaveProperty('out-of-window');
        expect(dropped).not.toHaveProperty('bad-phase');
      },
      PATIENCE_MS,
    );
  });
}
