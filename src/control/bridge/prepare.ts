/** Makes the bridge of a node, and takes it apart again. */
import { setTimeout } from 'node:timers/promises';
import type { NodeConfig } from '../config/index.js';
import { type BridgeSurvey, checkBridge, type Leniency } from './check.js';
import { BridgeError } from './errors.js';
import type { Link } from './link-codec.js';
import type { Links } from './links.js';
import { disableBridgeNetfilter, disableIpv6 } from './sysctl.js';

/** Three seconds at most; a port that takes longer has other troubles. */
const NOTICE_ROUNDS = 150;
const NOTICE_PAUSE_MS = 20;

/** The bridge as it stands, with its ports in the order of the node file. */
export interface PreparedBridge {
  readonly bridge: Link;
  readonly ports: readonly Link[];
  /** Names of ports that were taken out because the node file does not name them. */
  readonly removed: readonly string[];
}

/**
 * Checks, lets the caller put its guard up, and only then touches the bridge: `beforeJoin` loads the
 * nft table, without which no port may join. It may be called again on a bridge that stands.
 * Throws BridgeError, and what `beforeJoin` throws.
 */
export async function prepareBridge(
  links: Links,
  config: NodeConfig,
  options: Leniency & {
    readonly beforeJoin: (survey: BridgeSurvey) => Promise<void>;
  },
): Promise<PreparedBridge> {
  const survey = await coded(() => checkBridge(links, config, options));
  await options.beforeJoin(survey);
  return await coded(() => joinPorts(links, config, survey));
}

/**
 * Makes the bridge when it is missing and puts the ports into it. The guard must be up. A step that
 * fails leaves the earlier ones in place; all of them may be repeated. Throws BridgeError.
 */
export async function joinPorts(
  links: Links,
  config: NodeConfig,
  survey: BridgeSurvey,
): Promise<PreparedBridge> {
  const { name } = config.bridge;
  const stp = config.bridge.stp === 'kernel';
  await disableBridgeNetfilter();
  for (const port of survey.ports) await disableIpv6(port.name);
  const bridge = survey.bridge ?? (await links.createBridge(name, stp));
  // Before it is up: IPv6 would send router solicitations and MLD reports at once.
  await disableIpv6(name);
  if (survey.bridge !== undefined) await links.tuneBridge(bridge, stp);
  for (const stranger of survey.strangers) await links.setMaster(stranger, 0);
  for (const port of survey.ports) {
    if (port.master !== bridge.ifindex) await links.setMaster(port, bridge.ifindex);
    await links.setFloodPort(port);
  }
  // Left to itself the kernel changes the bridge's MAC as ports come and go.
  const mac = survey.ports.map((port) => port.mac).sort()[0];
  if (mac !== undefined && mac !== bridge.mac) await links.setMac(bridge, mac);
  for (const link of [...survey.ports, bridge]) await links.setUp(link, true);
  const now = await untilNoticed(links, bridge.ifindex, stp);
  return {
    bridge: now.get(bridge.ifindex) ?? bridge,
    ports: survey.ports.map((port) => now.get(port.ifindex) ?? port),
    removed: survey.strangers.map((stranger) => stranger.name),
  };
}

/**
 * The kernel notices a carrier up to a second late, and floods nothing through a port before. With
 * STP a port forwards when the protocol says so, which is not waited for.
 */
async function untilNoticed(
  links: Links,
  bridge: number,
  stp: boolean,
): Promise<Map<number, Link>> {
  const ready = ({ portState }: Link) =>
    stp ? portState !== 'disabled' : portState === 'forwarding';
  for (let round = 1; ; round++) {
    const all = await links.list();
    const waiting = all.some((link) => link.master === bridge && link.carrier && !ready(link));
    if (!waiting || round === NOTICE_ROUNDS) {
      return new Map(all.map((link) => [link.ifindex, link]));
    }
    await setTimeout(NOTICE_PAUSE_MS);
  }
}

/**
 * Takes every port out of the node's bridge, and removes the bridge when it is one of `made`; else it
 * stays, empty. Returns the names of the ports; none when there is no such bridge. Throws BridgeError.
 *
 * @param made ifindexes
 */
export async function releaseBridge(
  links: Links,
  config: NodeConfig,
  made: readonly number[] = [],
): Promise<string[]> {
  return await coded(async () => {
    const all = await links.list();
    const bridge = all.find((link) => link.name === config.bridge.name && link.kind === 'bridge');
    const ports = all.filter((link) => bridge !== undefined && link.master === bridge.ifindex);
    for (const port of ports) await links.setMaster(port, 0);
    if (bridge !== undefined && made.includes(bridge.ifindex)) await links.remove(bridge);
    return ports.map((port) => port.name);
  });
}

/** Turns what the kernel refused into a BridgeError. */
async function coded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (error instanceof BridgeError || typeof code !== 'string') throw error;
    const denied = code === 'EPERM' || code === 'EACCES';
    const problem = {
      code: denied ? ('not-permitted' as const) : ('kernel' as const),
      link: '',
      message: denied
        ? `${(error as Error).message} (changing links takes root)`
        : (error as Error).message,
    };
    throw new BridgeError([problem], { cause: error });
  }
}
