/** Real datagrams in fragments through a wall, and fragments that belong to none. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Namespace } from '../../../src/lab/netns.js';
import { CLIENT, RoutedSite, SERVER } from './routed-site.js';

const TIMES = 5;
/** Of 8000 bytes of UDP, so many fragments are not the first: 1480 or 1448 bytes each. */
const LATER = 5;
const ORPHANS = 20;
const BYTES = 150_000;

const RULES = `
table inet seen {
  counter later {}
  chain arrivals {
    type filter hook prerouting priority -500;
    ip frag-off & 0x1fff != 0 counter name later
    frag frag-off != 0 counter name later
  }
}`;

let site: RoutedSite;

afterEach(() => site.close());

/** Later fragments that arrived somewhere since it was told to count. */
function laterOnes(at: Namespace): number {
  const text = at.exec('nft', 'list', 'counter', 'inet', 'seen', 'later');
  return Number(/packets (\d+)/.exec(text)![1]);
}

describe.each(['tc', 'generic', 'xdp'] as const)('in %s', (attach) => {
  it('datagrams cross whole, and what follows no first fragment does not', async () => {
    site = new RoutedSite(attach);
    await site.start();
    const rules = site.lab.file('seen.nft', RULES);
    for (const router of [site.outer, site.inner]) router.exec('nft', '-f', rules);
    for (const family of ['v4', 'v6'] as const) {
      expect(await site.traffic('client', 'orphans', SERVER[family], ORPHANS)).toBe(`${ORPHANS}`);
    }
    await expect.poll(async () => (await site.drops()).fragment).toBe(2 * ORPHANS);
    expect(laterOnes(site.outer)).toBe(2 * ORPHANS);
    expect(laterOnes(site.inner)).toBe(0);
    for (const family of ['v4', 'v6'] as const) {
      expect(await site.traffic('client', 'echo', SERVER[family], 8000, TIMES)).toBe(`${TIMES}`);
      expect(await site.traffic('server', 'echo', CLIENT[family], 8000, TIMES)).toBe(`${TIMES}`);
    }
    // Each datagram crosses twice, there and back, for both ends and both families.
    expect(laterOnes(site.inner)).toBe(2 * 2 * 2 * TIMES * LATER);
    for (const family of ['v4', 'v6'] as const) {
      for (const [end, other] of [
        [site.client, SERVER],
        [site.server, CLIENT],
      ] as const) {
        const ping = ['ping', '-q', '-c', '3', '-i', '0.1', '-W', '2', '-s', '4000', other[family]];
        expect((await end.run(ping)).stdout).toContain('3 received');
      }
    }
    const before = laterOnes(site.inner);
    site.cutBeforeWall(1000);
    expect(await site.traffic('client', 'put', SERVER.v4, BYTES)).toBe(`${BYTES}`);
    expect(laterOnes(site.inner) - before).toBeGreaterThanOrEqual(BYTES / 1500);
    const drops = await site.drops();
    expect(drops['out-of-window'] ?? 0).toBe(0);
    expect(drops.fragment).toBe(2 * ORPHANS);
    expect(drops['fragment-overlap'] ?? 0).toBe(0);
  });
});
