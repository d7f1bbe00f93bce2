/** Raises the guard that no frame crosses: what is loaded and attached before a port joins the bridge. */
import type { Logger } from 'pino';
import {
  type BridgeSurvey,
  driverOf,
  dropIdleClsact,
  keepVlanTags,
  type Links,
  type XdpFeatureReader,
} from '../bridge/index.js';
import type { NodeConfig } from '../config/index.js';
import {
  absentPort,
  attachAll,
  Dataplane,
  hasDevice,
  type ModeReason,
  mountPins,
  NO_MAC,
  type NumberedPort,
  type PinSet,
  type PortDevice,
  UNKNOWN_FRAGS,
  type UpgradeReport,
  writeNode,
  writePorts,
  writeTimeouts,
} from '../dataplane/index.js';
import { standingWalls, WallTable } from '../netfilter/index.js';
import type { GenerationRecord, GenerationStore } from '../store/index.js';
import { removeGuard } from './detach.js';
import { checkAlone, prepareRole } from './pair.js';
import { tableMemory } from './table-memory.js';
import { tellUpgrade, upgradeWall } from './upgrade.js';

/** What the kernel holds once the guard is up. */
export interface Raised {
  readonly dataplane: Dataplane;
  readonly ports: readonly NumberedPort[];
  readonly mode: ModeReason;
  readonly table: WallTable;
  /** What it took to put this version in the place of another; null: there was no other. */
  readonly upgraded: UpgradeReport | null;
}

/** What raising it needs. */
export interface RaiseDeps {
  readonly pins: PinSet;
  readonly links: Links;
  readonly features: XdpFeatureReader;
  readonly store: GenerationStore<GenerationRecord>;
  readonly log: Logger;
}

/** The guard: nft table, then programs on every port. Only then may ports join. */
export async function raise(
  config: NodeConfig,
  survey: BridgeSurvey,
  { pins, links, features, store, log }: RaiseDeps,
): Promise<Raised> {
  mountPins(config.pins);
  const stood =
    pins.completeTag() !== undefined ||
    (await standingWalls()).some(({ node }) => node === config.node);
  const names = config.bridge.ports.map((port) => port.name);
  const spec = {
    node: config.node,
    ports: names,
    present: survey.ports.map((port) => port.name),
    group: config.log.group,
    stp: config.bridge.stp === 'kernel',
  };
  const memory = tableMemory(store.directory, (error) =>
    log.warn({ error: String(error) }, 'the next start will load the nft tables anew'),
  );
  const table = await WallTable.load(spec, memory);
  let dataplane: Dataplane | undefined;
  try {
    dataplane = Dataplane.open(pins, { maxStates: config.state.max });
    checkAlone(dataplane, config);
    tellAdoption(dataplane, config, log);
    const { ports, gone } = writePorts(dataplane, await portDevices(config, survey));
    const mac = survey.bridge?.mac ?? survey.ports[0]?.mac ?? NO_MAC;
    writeNode(dataplane, ports, nodeSettings(config, mac));
    writeTimeouts(dataplane, config.state.timeouts);
    const upgraded = await upgradeWall(dataplane, store, ports);
    // After an upgrade the role that stood before is known only here.
    prepareRole(dataplane, config);
    const present = ports.filter(hasDevice);
    const mtus = new Map(survey.ports.map(({ name, mtu }) => [name, mtu]));
    const mode = await attachAll(dataplane, present, gone, config.attach, {
      pins,
      keepVlanTags: vlanTagKeeper(log),
      fragSupport: fragReader(features),
      mtuOf: (port) => mtus.get(port) ?? 0,
    });
    // Nothing of the version before is attached any more.
    if (upgraded !== null) dataplane.upgrade?.retire();
    for (const ifindex of gone) await dropIdleClsact(ifindex);
    for (const port of present)
      log.info({ port: port.name, why: mode.why.get(port.name) }, 'attached');
    if (upgraded !== null) tellUpgrade(log, upgraded);
    return { dataplane, ports, mode, table, upgraded };
  } catch (error) {
    dataplane?.close();
    // A wall that stood, be it the tables alone, goes on keeping its bridge shut; else what this
    // start began is cleared away, and a bridge that worked without a wall does so again.
    if (!stood) await removeGuard(config, pins, links);
    throw error;
  }
}

/** Tags that the hardware strips are hidden from XDP; where that cannot be helped, the log says so. */
export function vlanTagKeeper(log: Logger): (port: string) => Promise<void> {
  return async (port) => {
    const trouble = await keepVlanTags({ name: port });
    if (trouble !== undefined) log.debug({ port, trouble }, 'rxvlan was not turned off');
  };
}

/** What the drivers of ports make of frames of several buffers. */
export function fragReader(features: XdpFeatureReader) {
  return async ({ ifindex }: Pick<NumberedPort, 'ifindex'>) =>
    (await features.of(ifindex)) ?? UNKNOWN_FRAGS;
}

function tellAdoption(dataplane: Dataplane, config: NodeConfig, log: Logger): void {
  if (dataplane.fresh) return;
  if (dataplane.upgrade === null) {
    log.info({ object: dataplane.tag }, 'adopted the running dataplane');
  }
  if (dataplane.held !== '') {
    log.error(
      { running: dataplane.tag, built: dataplane.builtTag, why: dataplane.held },
      'this version has another dataplane, which does not load; the running one goes on',
    );
  }
  const max = dataplane.map('established').info.maxEntries;
  if (max !== config.state.max) {
    log.warn(
      `state.max stays ${max} until bridgewalld --detach; the node file says ${config.state.max}`,
    );
  }
}

async function portDevices(config: NodeConfig, survey: BridgeSurvey): Promise<PortDevice[]> {
  const byName = new Map(survey.ports.map((link) => [link.name, link]));
  return Promise.all(
    config.bridge.ports.map(async ({ name, side }) => {
      const link = byName.get(name);
      if (link === undefined) return absentPort(name, side);
      const { ifindex, mac } = link;
      return { name, side, ifindex, mac, driver: await driverOf(link) };
    }),
  );
}

/** What the node file and the bridge say, as the packet path reads it. */
export function nodeSettings(config: NodeConfig, bridgeMac: string) {
  const { log, state, bridge } = config;
  return {
    bridgeMac,
    logRate: log.rate,
    liberal: state.liberal,
    counters: state.counters,
    reserved: bridge.reserved,
  };
}
