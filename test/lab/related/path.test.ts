/** Path MTU discovery and traceroute through a wall, with real routers on both sides of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT, INNER, OUTER, RoutedSite, SERVER } from './routed-site.js';

const BYTES = 200_000;
/** Types of the errors that end a trace: on its way, and at its end. */
const EXPIRED = { v4: 11, v6: 3 } as const;
const UNREACHABLE = { v4: 3, v6: 1 } as const;

describe.each(['tc', 'generic', 'xdp'] as const)('in %s', (attach) => {
  let site: RoutedSite;

  beforeAll(async () => {
    site = new RoutedSite(attach);
    await site.start();
  });
  afterAll(() => site.close());

  it('TCP and UDP learn the MTU of a path that narrows behind the wall, or before it', async () => {
    // What an end has learned itself it also asks the other for: the way back is narrower.
    site.narrow('inner', 1400);
    site.narrow('outer', 1320);
    for (const family of ['v4', 'v6'] as const) {
      expect(await site.traffic('client', 'put', SERVER[family], BYTES)).toBe(`${BYTES}`);
      expect(site.pathMtu('client', family)).toBe(1400);
      expect(await site.traffic('client', 'get', SERVER[family], BYTES)).toBe(`${BYTES}`);
      expect(site.pathMtu('server', family)).toBe(1320);
    }
    site.narrow('inner', 1350);
    site.narrow('outer', 1290);
    for (const family of ['v4', 'v6'] as const) {
      expect(await site.traffic('client', 'big', SERVER[family], 1330)).toBe('1350');
      expect(await site.traffic('server', 'big', CLIENT[family], 1270)).toBe('1290');
    }
    expect((await site.drops())['no-state'] ?? 0).toBe(0);
  });

  it('a trace sees every hop from both sides', async () => {
    for (const family of ['v4', 'v6'] as const) {
      const [expired, unreachable] = [EXPIRED[family], UNREACHABLE[family]];
      const out = (hops: number) => site.traffic('client', 'trace', SERVER[family], 33434, hops);
      expect(await out(2)).toBe(`${INNER[family]} ${expired}`);
      expect(await out(3)).toBe(`${SERVER[family]} ${unreachable}`);
      const back = (hops: number) => site.traffic('server', 'trace', CLIENT[family], 33434, hops);
      expect(await back(2)).toBe(`${OUTER[family]} ${expired}`);
      expect(await back(3)).toBe(`${CLIENT[family]} ${unreachable}`);
    }
    expect((await site.drops())['no-state'] ?? 0).toBe(0);
  });
});
