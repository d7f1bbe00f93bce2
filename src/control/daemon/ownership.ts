/** Which node a port belongs to: the one whose nft tables guard it, whether its daemon lives or not. */
import type { Links } from '../bridge/index.js';
import type { NodeConfig } from '../config/index.js';
import { type StandingWall, standingWalls } from '../netfilter/index.js';

/** A port, or a port of the bridge, belongs to another node. */
export class ForeignPortError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ForeignPortError';
  }
}

/**
 * Changes nothing.
 * @throws ForeignPortError, NftError, NetlinkError
 */
export async function checkOwnership(config: NodeConfig, links: Links): Promise<void> {
  const walls = await standingWalls();
  if (walls.every(({ node }) => node === config.node)) return;
  const all = await links.list();
  const bridge = all.find((link) => link.name === config.bridge.name);
  const inBridge = all.filter((link) => bridge !== undefined && link.master === bridge.ifindex);
  const trouble = foreignPort(
    config,
    walls,
    inBridge.map((link) => link.name),
  );
  if (trouble !== null) throw new ForeignPortError(trouble);
}

/**
 * One line about the first port that is not this node's; null: there is none. A port that two nodes
 * guard is of either, so that each of them can still be taken down.
 *
 * @param inBridge ports of the bridge as it stands
 */
export function foreignPort(
  { node, bridge }: Pick<NodeConfig, 'node' | 'bridge'>,
  walls: readonly StandingWall[],
  inBridge: readonly string[],
): string | null {
  const own = new Set(walls.filter((wall) => wall.node === node).flatMap((wall) => wall.ports));
  const named = bridge.ports.map((port) => port.name);
  for (const name of new Set([...named, ...inBridge])) {
    if (own.has(name)) continue;
    const other = walls.find((wall) => wall.ports.includes(name));
    if (other === undefined) continue;
    const what = named.includes(name) ? `port ${name}` : `port ${name} of bridge ${bridge.name}`;
    const remedy = `take that wall down first: bridgewalld --detach --config FILE, with the node file of ${other.node}`;
    return `${what} belongs to node ${other.node}; ${remedy}`;
  }
  return null;
}
