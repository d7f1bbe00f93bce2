/**
 * The bridge of the detour: two ports and nothing behind them. The packet path puts frames into the
 * one and takes them out of the other, and on the way they pass the hooks of IPv4 and IPv6, which the
 * wall's own bridge keeps away from. IPv6 has to be on here, or br_netfilter drops every packet of it;
 * the devices have no address, and what they would say for themselves ends where they are left.
 */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Link } from './link-codec.js';
import type { Links } from './links.js';
import { hooksOnBridges, silentIpv6, tagsThroughHooks } from './sysctl.js';

/** Longer than any frame: nothing is fragmented here that was not before. */
const MTU = 65535;
const ROUNDS = 150;
const PAUSE_MS = 20;

/** Names of the devices: one node has one detour. */
export interface SideNames {
  readonly bridge: string;
  /** Frames enter by it. */
  readonly in: string;
  /** And leave by that. */
  readonly out: string;
}

/** ifindexes of the same. */
export type SideBridge = Readonly<Record<keyof SideNames, number>>;

export function sideNames(node: string): SideNames {
  const hash = createHash('sha256').update(node).digest('hex').slice(0, 8);
  return { bridge: `bw${hash}b`, in: `bw${hash}i`, out: `bw${hash}o` };
}

/** The far end of a port: nobody listens there. */
function farEnd(name: string): string {
  return `${name}x`;
}

/** Makes what is missing of it and waits until it carries frames. Throws NetlinkError, Error. */
export async function raiseSideBridge(links: Links, node: string): Promise<SideBridge> {
  if (!(await hooksOnBridges())) {
    throw new Error('the kernel has no br_netfilter (modprobe br_netfilter, at boot as well)');
  }
  await tagsThroughHooks();
  const names = sideNames(node);
  const there = new Set((await links.list()).map(({ name }) => name));
  if (!there.has(names.bridge)) await links.createSideBridge(names.bridge);
  for (const port of [names.in, names.out]) {
    if (!there.has(port)) await links.createPair(port, farEnd(port), MTU);
  }
  const all = await links.list();
  const find = (name: string): Link => all.find((link) => link.name === name)!;
  const bridge = find(names.bridge);
  await silentIpv6(names.bridge, true);
  for (const port of [names.in, names.out]) {
    const near = find(port);
    await silentIpv6(port, true);
    await silentIpv6(farEnd(port), false);
    if (near.master !== bridge.ifindex) await links.setMaster(near, bridge.ifindex);
    await links.setFloodPort(near);
    await links.setUp(near, true);
    await links.setUp(find(farEnd(port)), true);
  }
  await links.setMtu(bridge, MTU);
  await links.setUp(bridge, true);
  await untilOpen(links, bridge.ifindex);
  return { bridge: bridge.ifindex, in: find(names.in).ifindex, out: find(names.out).ifindex };
}

/** Is it there, whole or not? */
export async function hasSideBridge(links: Links, node: string): Promise<boolean> {
  const { bridge } = sideNames(node);
  return (await links.list()).some(({ name }) => name === bridge);
}

/** Removes what there is of it. Throws NetlinkError. */
export async function removeSideBridge(links: Links, node: string): Promise<void> {
  const names = Object.values(sideNames(node));
  for (const link of (await links.list()).filter(({ name }) => names.includes(name))) {
    await links.remove(link);
  }
}

/** The kernel notices a carrier up to a second late. */
async function untilOpen(links: Links, bridge: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const ports = (await links.list()).filter(({ master }) => master === bridge);
    if (ports.every(({ portState }) => portState === 'forwarding')) return;
    await setTimeout(PAUSE_MS);
  }
  throw new Error('the side bridge does not come up');
}
