/**
 * Traces and path MTU discovery through a wall, each only with its rule: an error comes back when what
 * it is about was let out, and what was not let out causes none.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INNER, RoutedSite, SERVER } from './routed-site.js';

const TRACE_PORT = 33434;
/** Types of "time exceeded", "unreachable" and the echo reply. */
const TYPES = {
  v4: { expired: 11, unreachable: 3, reply: 0 },
  v6: { expired: 3, unreachable: 1, reply: 129 },
};
const FAMILIES = ['v4', 'v6'] as const;
const BYTES = 100_000;

type Kind = 'udp' | 'echo' | 'tcp';

describe.each(['tc', 'xdp'] as const)('in %s', (attach) => {
  let site: RoutedSite;

  beforeAll(async () => {
    site = new RoutedSite(attach);
    await site.start();
  });
  afterAll(() => site.close());

  /** Who answers a probe of the client to the server that may make so many hops. */
  const trace = (kind: Kind, family: 'v4' | 'v6', hops: number): Promise<string> => {
    const to = SERVER[family];
    if (kind === 'echo') return site.traffic('client', 'trace-echo', to, hops);
    if (kind === 'tcp') return site.traffic('client', 'trace-tcp', to, 80, hops);
    return site.traffic('client', 'trace', to, TRACE_PORT, hops);
  };

  const ends: Record<Kind, (family: 'v4' | 'v6') => string> = {
    udp: (family) => `${SERVER[family]} ${TYPES[family].unreachable}`,
    echo: (family) => `${SERVER[family]} ${TYPES[family].reply}`,
    tcp: () => 'connected',
  };

  it.each([
    ['udp', `in: {${TRACE_PORT}-33534/udp: any}`],
    ['echo', 'in: {ping: any}'],
    ['tcp', 'in: {80/tcp: any}'],
  ] as const)('a trace by %s needs its rule, and no other', async (kind, line) => {
    await site.apply(line);
    // Both at once: probes that nobody answers take their time. Whoever traces hears every answer of its family.
    const probes = FAMILIES.map(async (family) => {
      const inner = `${INNER[family]} ${TYPES[family].expired}`;
      for (const other of ['udp', 'echo', 'tcp'] as const) {
        expect(await trace(other, family, 2)).toBe(other === kind ? inner : 'none');
      }
      expect(await trace(kind, family, 3)).toBe(ends[kind](family));
    });
    await Promise.all(probes);
  });

  it('the server traces nothing without a rule for what it sends', async () => {
    await site.apply(`in: {${TRACE_PORT}-33534/udp: any}`);
    for (const [family, client] of [
      ['v4', '10.1.0.2'],
      ['v6', '2001:db8:1::2'],
    ] as const) {
      expect(await site.traffic('server', 'trace', client, TRACE_PORT, 1)).not.toBe('none');
      expect(await site.traffic('server', 'trace', client, TRACE_PORT, 2)).toBe('none');
      await site.apply(`out: {${TRACE_PORT}-33534/udp: any}`);
      expect(await site.traffic('server', 'trace', client, TRACE_PORT, 2)).toBe(
        `${family === 'v4' ? '10.2.0.1' : '2001:db8:2::1'} ${TYPES[family].expired}`,
      );
      await site.apply(`in: {${TRACE_PORT}-33534/udp: any}`);
    }
  });

  it('a path MTU is learned by what has a rule, and by nothing else', async () => {
    site.narrow('inner', 1360);
    await site.apply('in: {80/tcp: any}');
    for (const family of FAMILIES) {
      expect(await site.traffic('client', 'big', SERVER[family], 1400)).toBe('none');
      expect(site.pathMtu('client', family)).toBe(null);
      expect(await site.traffic('client', 'put', SERVER[family], BYTES)).toBe(`${BYTES}`);
      expect(site.pathMtu('client', family)).toBe(1360);
    }
    site.narrow('inner', 1330);
    await site.apply('in: {5000/udp: any}');
    for (const family of FAMILIES) {
      expect(await site.traffic('client', 'big', SERVER[family], 1305)).toBe('1330');
    }
    expect((await site.drops())['no-state'] ?? 0).toBe(0);
  });
});
