/** How a node goes away: ports out of the bridge, programs off, pins removed, the nft table last. */
import { rm } from 'node:fs/promises';
import { prepareSocket } from '../api/socket.js';
import { dropIdleClsact, Links, releaseBridge, removeSideBridge } from '../bridge/index.js';
import type { NodeConfig } from '../config/index.js';
import {
  checkKernel,
  detachLinks,
  detachTcProgram,
  PinSet,
  pinnedTcProgram,
  tcProgramId,
} from '../dataplane/index.js';
import { SideTable, WallTable } from '../netfilter/index.js';
import { lockNode } from './lock.js';
import { checkOwnership } from './ownership.js';

/**
 * Takes the wall of a node down; it may be done again, and on a node that never ran. A daemon that
 * runs must be stopped first, and ports of another node stay as they are.
 */
export async function detachWall(config: NodeConfig): Promise<void> {
  checkKernel();
  const release = await lockNode(config);
  try {
    using links = new Links();
    await checkOwnership(config, links);
    await prepareSocket(config.api.socket);
    await dismantle(config, links);
    await rm(config.api.socket, { force: true });
  } finally {
    await release();
  }
}

/** Ports leave first: from then on no frame can cross, guarded or not. */
async function dismantle(config: NodeConfig, links: Links): Promise<void> {
  const pins = new PinSet(config.pins, config.node);
  const released = await releaseBridge(links, config, pins.madeBridges());
  await removeGuard(config, pins, links, released);
}

/** Programs, pins and tables go, the tables last; the bridge stays as it is. */
export async function removeGuard(
  config: NodeConfig,
  pins: PinSet,
  links: Links,
  released: readonly string[] = [],
): Promise<void> {
  detachLinks(pins);
  const named = new Set([...released, ...config.bridge.ports.map((port) => port.name)]);
  const ours = pinnedTcProgram(pins);
  for (const link of await links.list()) {
    // Other nodes may run in this namespace; a port may have left the node file.
    const there = tcProgramId(link.ifindex);
    if (there !== undefined && (there === ours || named.has(link.name))) {
      detachTcProgram(link.ifindex);
      await dropIdleClsact(link.ifindex);
    }
  }
  await removeSideBridge(links, config.node);
  pins.remove();
  await SideTable.remove(config.node);
  await WallTable.remove(config.node);
}
