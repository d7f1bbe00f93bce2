/** Puts right what somebody changed about a bridge that stands, and touches nothing else. */
import type { NodeConfig } from '../config/index.js';
import type { Link } from './link-codec.js';
import type { Links } from './links.js';
import { disableBridgeNetfilter, disableIpv6 } from './sysctl.js';

/** One thing that was not as it must be. */
export interface Mended {
  /** The link it was about; '' when it was the namespace. */
  readonly link: string;
  readonly what: string;
}

/**
 * Compares the bridge and its ports with what they must be and changes what differs. `ports` are
 * those that the guard covers: only they may join, and only one that joins is brought up, for an
 * operator may have shut one down. Throws NetlinkError.
 */
export async function mendBridge(
  links: Links,
  config: NodeConfig['bridge'],
  all: readonly Link[],
  ports: readonly Link[],
): Promise<Mended[]> {
  const mended: Mended[] = [];
  const note = (link: string, what: string) => mended.push({ link, what });
  if (await disableBridgeNetfilter()) note('', 'bridged frames went through the IP hooks');
  let bridge = all.find((link) => link.name === config.name && link.kind === 'bridge');
  if (bridge === undefined) {
    bridge = await makeBridge(links, config, ports);
    note(config.name, 'the bridge was gone');
  }
  for (const link of [bridge, ...ports]) {
    if (await disableIpv6(link.name)) note(link.name, 'IPv6 was on');
  }
  const stp = config.stp === 'kernel';
  if (!bridge.tuned || bridge.stp !== stp) {
    await links.tuneBridge(bridge, stp);
    if (bridge.stp !== stp) note(bridge.name, `STP was ${bridge.stp ? 'on' : 'off'}`);
    if (!bridge.tuned) note(bridge.name, 'multicast snooping or VLAN filtering was on');
  }
  const named = new Set(config.ports.map((port) => port.name));
  for (const link of all) {
    if (link.master !== bridge.ifindex || named.has(link.name)) continue;
    await links.setMaster(link, 0);
    note(link.name, 'it is no port of this bridge');
  }
  for (const port of ports) {
    if (port.master !== bridge.ifindex) {
      await links.setMaster(port, bridge.ifindex);
      await links.setFloodPort(port);
      await links.setUp(port, true);
      note(port.name, 'it was not in the bridge');
    } else if (!port.tuned) {
      await links.setFloodPort(port);
      note(port.name, 'learning was on, or flooding off');
    }
  }
  return mended;
}

/** The bridge of a wall, up; ports join it afterwards. */
async function makeBridge(
  links: Links,
  { name, stp }: NodeConfig['bridge'],
  ports: readonly Link[],
): Promise<Link> {
  const bridge = await links.createBridge(name, stp === 'kernel');
  // Before it is up: IPv6 would send router solicitations and MLD reports at once.
  await disableIpv6(name);
  const mac = ports.map((port) => port.mac).sort()[0];
  if (mac !== undefined) await links.setMac(bridge, mac);
  await links.setUp(bridge, true);
  return bridge;
}
