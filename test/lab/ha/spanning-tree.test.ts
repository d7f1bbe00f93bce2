/**
 * A pair between switches that run STP, and `stp: kernel` in both nodes: a standby hears BPDUs and says none, so that
 * no switch blocks the way through it. Times are printed, never asserted.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Lab } from '../../../src/lab/netns.js';
import { type Failure, LINK_LOSS, PLANNED, SILENT_DEATH } from '../../../src/lab/pair/failures.js';
import { Pair } from '../../../src/lab/pair/pair.js';
import { NODES, type NodeName, otherOf, SERVER } from '../../../src/lab/pair/pair-net.js';
import { pingDuring } from './pulse.js';

const WITHIN = { timeout: 40_000, interval: 100 };
/** What a switch was told last counts for six seconds; then ports need four to open. */
const AGE_MS = 12_000;
const SIDES = ['uplink', 'inside'] as const;
/** Of the western switch. */
const ROOT = { root_port: 1, max_age: 600 };
const BPDUS = 'ether daddr 01:80:c2:00:00:00 counter';
/** Within that a node has looked at its bridge again. */
const LOOKED_MS = 1500;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

interface BridgeLink {
  readonly ifname: string;
  readonly state: string;
}

describe('a pair between switches that run STP', () => {
  let lab: Lab;
  let pair: Pair;

  /** States of the ports towards a node, at both switches, and of its own. */
  const ports = (node: NodeName): string => {
    const of = (text: string, names: readonly string[]) =>
      (JSON.parse(text) as BridgeLink[])
        .filter(({ ifname }) => names.includes(ifname))
        .map(({ state }) => state);
    const switches = SIDES.map((side) => pair.net.switches[side]);
    const theirs = switches.flatMap((each) => of(each.exec('bridge', '-j', 'link'), [node]));
    const own = of(pair.net.nodes[node].exec('bridge', '-j', 'link'), ['up0', 'dn0']);
    return [...theirs, ...own].join();
  };
  const OPEN = Array(4).fill('forwarding').join();
  /** BPDUs that came from a node since the switches were told to count, at both. */
  const said = (node: NodeName): number =>
    SIDES.map((side) => {
      const table = pair.net.switches[side].exec('nft', 'list', 'table', 'netdev', node);
      return Number(/counter packets (\d+)/.exec(table)![1]);
    }).reduce((a, b) => a + b);
  const count = (node: NodeName) => {
    for (const side of SIDES) {
      const chain = `type filter hook ingress device ${node} priority 0;`;
      const table = `table netdev ${node}; delete table netdev ${node};
        table netdev ${node} { chain in { ${chain} ${BPDUS}; }; }`;
      pair.net.switches[side].exec('nft', table);
    }
  };
  /** What the bridge of a node has heard of the root; it ages what it hears as the root says. */
  const heard = (node: NodeName): { root_port: number; max_age: number } => {
    const text = pair.net.nodes[node].ip('-j', '-d', 'link', 'show', 'br0');
    return (JSON.parse(text) as [{ linkinfo: { info_data: ReturnType<typeof heard> } }])[0].linkinfo
      .info_data;
  };
  /** Frames that a switch has sent to its host. */
  const sentTo = (side: (typeof SIDES)[number]): number => {
    const host = side === 'uplink' ? pair.net.client : pair.net.server;
    const [link] = JSON.parse(host.ip('-j', '-s', 'link', 'show', 'eth0')) as [
      { stats64: { rx: { packets: number } } },
    ];
    return link.stats64.rx.packets;
  };

  beforeAll(async () => {
    lab = new Lab('ha-stp');
    pair = await Pair.build(lab, { attach: 'tc', stp: true });
    await pair.start();
  }, 120_000);
  afterAll(() => lab.close());

  it('has both ways open, and one node that passes frames and says BPDUs', async () => {
    const active = await pair.settled();
    for (const node of NODES) await expect.poll(() => ports(node), WITHIN).toBe(OPEN);
    for (const node of NODES) count(node);
    await expect.poll(() => said(active), WITHIN).toBeGreaterThan(2);
    expect(said(otherOf(active))).toBe(0);
    // The kernel of the standby hears as well where the root is.
    for (const node of NODES) expect(heard(node)).toMatchObject(ROOT);
  });

  const stories: [string, Failure][] = [PLANNED, SILENT_DEATH, LINK_LOSS].flatMap((failure) => [
    [`${failure.name}, the one way`, failure],
    [`${failure.name}, and the other`, failure],
  ]);
  it.each(stories)('blocks nothing after a takeover: %s', async (what, failure) => {
    const from = await pair.settled();
    const to = otherOf(from);
    for (const node of NODES) await expect.poll(() => ports(node), WITHIN).toBe(OPEN);
    // Whoever was away took itself for the root, with times of its own, and would be silent for these.
    for (const node of NODES) await expect.poll(() => heard(node), WITHIN).toMatchObject(ROOT);
    await sleep(LOOKED_MS);
    const before = SIDES.map(sentTo);
    const takesOver = async () => {
      await failure.begin(pair, from);
      await pair.becomes(to);
      count(to);
      const seen = new Set<string>();
      for (const end = Date.now() + AGE_MS; Date.now() < end; await sleep(100)) seen.add(ports(to));
      expect([...seen]).toEqual([OPEN]);
      // It has begun to speak, and nobody minds.
      expect(said(to)).toBeGreaterThan(0);
    };
    const pulse = await pingDuring(pair.net.client, SERVER.v4, what, takesOver, WITHIN);
    for (const [at, side] of SIDES.entries()) {
      expect(sentTo(side) - before[at]!).toBeLessThan(pulse.sent * 2 + 20_000);
    }
    await failure.end?.(pair, from);
    await pair.settled();
  });
});
