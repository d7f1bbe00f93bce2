/**
 * How a node comes up. Nothing is touched before everything that can be checked has been; the nft
 * table stands before a port joins the bridge; and whatever was pinned is taken over as it is, so
 * that a restart changes nothing on the wire.
 */
import type { Logger } from 'pino';
import { ApiServer } from '../api/server.js';
import { prepareSocket } from '../api/socket.js';
import { Links, prepareBridge, XdpFeatureReader } from '../bridge/index.js';
import type { NodeConfig } from '../config/index.js';
import {
  checkKernel,
  checkPins,
  Installer,
  lostEvents,
  PinSet,
  portNumbers,
  Role,
  readEvents,
  Sets,
  StatePasses,
  Sweeper,
  writeNode,
} from '../dataplane/index.js';
import { standingWalls } from '../netfilter/index.js';
import { type GenerationRecord, GenerationStore, generationRecord } from '../store/index.js';
import { AutoDeny } from './auto-deny.js';
import { Detour } from './detour.js';
import { EventBus } from './event-bus.js';
import { logEvents, logRoom, lossTeller } from './event-log.js';
import { relayEvents, relayLoss } from './event-relay.js';
import { Guardian } from './guard/guardian.js';
import { PortTable } from './guard/port-table.js';
import type { Restoration } from './installation.js';
import { lockNode } from './lock.js';
import { LogFeed } from './log-feed.js';
import { MemberExpiry } from './member-expiry.js';
import { Network, openCertificates } from './network.js';
import { checkOwnership } from './ownership.js';
import { openPairFile, Pair } from './pair.js';
import type { WallParts } from './parts.js';
import { PeerAddress } from './peer-address.js';
import { Policies } from './policies.js';
import { fragReader, nodeSettings, type Raised, raise, vlanTagKeeper } from './raise.js';
import { Replication } from './replication.js';
import { releasePages } from './resident.js';
import { Room } from './room.js';
import { SessionFeed } from './session-feed.js';
import { Shared } from './shared.js';
import { StateCutter } from './state-cutter.js';
import { countCut } from './states-cut.js';
import { upgradeFields } from './upgrade.js';
import { Wall } from './wall.js';

export interface StartOptions {
  /** Take ports that have an address or carry the default route. */
  readonly force: boolean;
  readonly log: Logger;
}

/** A node that runs. */
export interface RunningWall {
  readonly wall: Wall;
  /** Reads the certificates again. */
  reload(): Promise<void>;
  /** Lets go of everything in this process; the wall stays up. */
  stop(): Promise<void>;
}

/** Undoes, last first, what was taken in this process. */
class Leases {
  readonly #releases: (() => void | Promise<void>)[] = [];

  add(release: () => void | Promise<void>): void {
    this.#releases.push(release);
  }

  async release(): Promise<void> {
    for (const release of this.#releases.splice(0).reverse()) await release();
  }
}

/** Brings the node up. Every error is one clear line; what fails early has changed nothing. */
export async function startWall(config: NodeConfig, options: StartOptions): Promise<RunningWall> {
  const leases = new Leases();
  try {
    return await start(config, options, leases);
  } catch (error) {
    await leases.release();
    throw error;
  }
}

async function start(
  config: NodeConfig,
  { force, log }: StartOptions,
  leases: Leases,
): Promise<RunningWall> {
  checkKernel();
  leases.add(await lockNode(config));
  const pins = new PinSet(config.pins, config.node);
  const links = new Links((bridge) => pins.noteBridge(bridge.ifindex));
  leases.add(() => links.close());
  const features = new XdpFeatureReader();
  leases.add(() => features.close());
  await checkOwnership(config, links);
  await prepareSocket(config.api.socket);
  checkPins(config.pins);
  const bus = new EventBus((error) => log.error({ error: String(error) }, 'a watch failed'));
  const certificates = await openCertificates(config, bus);
  leases.add(() => certificates?.close());
  const warn = (message: string) => log.warn(message);
  const pairFile = config.ha === null ? null : await openPairFile(config, config.ha, warn);

  const logFeed = new LogFeed();
  leases.add(() => logFeed.close());
  let store: GenerationStore<GenerationRecord> | undefined;
  let raised: Raised | undefined;
  const standing = await standingPorts(config, pins);
  const prepared = await prepareBridge(links, config, {
    force,
    ...(standing && { standing }),
    beforeJoin: async (survey) => {
      for (const { message } of survey.overlooked) {
        log.warn(`${message}; taken all the same, for the wall was up already`);
      }
      for (const port of survey.absent) {
        log.warn(
          { port },
          'the device of a port is gone; the wall goes on without it until it is back',
        );
      }
      // What may still refuse comes before what changes the wire.
      store = await GenerationStore.open(config.store, generationRecord);
      await claimLog(logFeed, config, standing !== undefined, log);
      raised = await raise(config, survey, { pins, links, features, store, log });
    },
  });
  const { dataplane, ports, mode, table, upgraded } = raised!;
  const portTable = new PortTable(ports);
  leases.add(() => dataplane.close());
  // Joining may have given the bridge its MAC.
  writeNode(dataplane, ports, nodeSettings(config, prepared.bridge.mac));
  if (prepared.removed.length > 0) {
    log.warn(
      { ports: prepared.removed },
      'taken out of the bridge: the node file does not name them',
    );
  }

  const installer = new Installer(dataplane, () => portNumbers(ports));
  const sets = Sets.open(dataplane);
  leases.add(() => sets.close());
  const passes = new StatePasses(dataplane);
  const cutter = new StateCutter(passes, (error) =>
    log.error({ error: String(error) }, 'live connections could not be judged again'),
  );
  leases.add(() => cutter.close());
  const detour = new Detour({ config, links, dataplane, pins });
  leases.add(() => detour.close());
  const role = new Role(dataplane);
  const policies = new Policies({
    ...{ installer, sets, store: store!, events: bus, ports, warn },
    countCut: (plan, held) => countCut(installer, passes, plan, held),
    countCutIn: (slot) => passes.count(slot),
    cutStates: () => cutter.ask(),
    prepare: (plan) => detour.prepare(plan),
    trials: dataplane.tag === dataplane.builtTag,
    node: config.node,
    epoch: () => role.read().epoch,
  });
  leases.add(() => policies.close());
  const restored = await policies.restore();
  // Members may have gone while no daemon was there to see to their connections.
  if (installer.usedGroups() !== 0) installer.cell.rejudge();
  cutter.ask();
  logRestoration(log, restored);

  logFeed.describeWith({
    get rules() {
      return policies.index;
    },
    reason: (number) => dataplane.reasons.get(number),
    portName: (ifindex) => portTable.nameOf(ifindex),
  });
  const numbers = new Map(ports.map((port) => [port.number, port.name]));
  const room = new Room({
    max: () => dataplane.map('established').info.maxEntries,
    events: logRoom(log, bus),
  });
  const relay = relayEvents(bus, (number) => numbers.get(number) ?? String(number), room);
  const logged = logEvents(log, ports);
  const sessions = new SessionFeed(
    dataplane,
    () => policies.index,
    (error) => log.error({ error: String(error) }, 'sessions could not be told'),
  );
  leases.add(() => sessions.close());
  const tellLosses = [
    lossTeller(log, () => lostEvents(dataplane)),
    relayLoss(bus, 'events-lost', () => lostEvents(dataplane)),
    relayLoss(bus, 'log-lost', () => logFeed.lost),
    relayLoss(bus, 'sessions-lost', () => sessions.lost),
  ];
  const sweeper = new Sweeper(
    dataplane,
    (error) => log.error({ error: String(error) }, 'sweeping failed'),
    async () => {
      for (const tell of tellLosses) tell();
    },
    (swept, { live }) => {
      if (swept === 'established') room.counted(live);
    },
  );
  leases.add(() => sweeper.stop());
  sweeper.start();

  let pair: Pair | null = null;
  const guardian = new Guardian({
    ...{ config, log, links, dataplane, table, mode: mode.mode, events: bus, detour },
    ports: portTable,
    bridgeMac: prepared.bridge.mac,
    attach: { pins, keepVlanTags: vlanTagKeeper(log), fragSupport: fragReader(features) },
    settings: (bridgeMac) => nodeSettings(config, bridgeMac),
    onLinks: () => pair?.look(),
  });
  leases.add(() => guardian.close());

  let replication: Replication | null = null;
  let shared: Shared | null = null;
  const parts = {
    ...{ config, log, links, dataplane, mode, policies, sets, sweeper, logFeed, events: bus },
    ...{ passes, cutter, sessions, room },
    get ports() {
      return portTable.all;
    },
    get sync() {
      return replication && shared && pairStatus(replication, shared);
    },
    get pair() {
      return pair;
    },
  };
  const wall = new Wall(parts, installer);
  leases.add(() => wall.close());
  const autoDeny = new AutoDeny({
    active: () => policies.active,
    ban: (...ban) => wall.ban(...ban),
    secondsSince: (time) => dataplane.clock.seconds(time, dataplane.clock.now()),
    portName: (number) => numbers.get(number) ?? String(number),
    events: bus,
    onError: (error) => log.error({ error: String(error) }, 'a source could not be banned'),
  });
  leases.add(() => autoDeny.close());
  const events = readEvents(dataplane, (slab, lost) => {
    logged(slab, lost);
    relay(slab, lost);
    autoDeny.take(slab);
  });
  leases.add(() => events.close());
  const expiry = new MemberExpiry(
    sets,
    () => wall.membersLeft(),
    (error) => log.error({ error: String(error) }, 'expired members could not be taken out'),
  );
  leases.add(() => expiry.stop());
  expiry.start();
  const api = new ApiServer(wall, {
    socket: config.api.socket,
    onError: (method, error) => log.error({ method, error: String(error) }, 'call failed'),
  });
  leases.add(() => api.close());
  await api.listen();
  if (certificates !== null) {
    const network = Network.open({ config, certificates, service: wall, events: bus, log });
    leases.add(() => network.close());
    if (network.peer !== null) {
      const { server, peer } = network;
      replication = new Replication({
        ...{ dataplane, server, peer, cell: installer.cell, events: bus },
        peerName: config.ha!.peer.name,
        rejudge: () => cutter.ask(),
        recount: () => sweeper.countAnew(),
        onError: (error) => log.warn({ error: String(error) }, 'the pair could not be compared'),
      });
      leases.add(() => replication?.close());
      shared = new Shared({
        ...{ policies, sets: wall.sharedSets, server, peer, events: bus },
        active: () => !role.read().standby,
        ownName: config.node,
        peerName: config.ha!.peer.name,
        onError: (error) => log.warn({ error: String(error) }, 'groups could not be shared'),
      });
      leases.add(() => shared?.close());
      const { ha } = config;
      if (ha !== null && pairFile !== null) {
        pair = new Pair({
          ...{ config, ha, dataplane, server, log, channel: peer, events: bus, ports: portTable },
          file: pairFile,
          peerAddress: await PeerAddress.find(ha.peer.host, config.api.listen!.host),
          ready: () => (replication?.ready ?? false) && (shared?.ready ?? false),
          onTakeover: () => {
            replication?.adopt();
            guardian.onTakeover();
          },
        });
        leases.add(() => pair?.close());
      }
    }
  }
  const pages = releasePages((error) =>
    log.warn({ error: String(error) }, 'memory that is not needed could not be let go of'),
  );
  leases.add(() => pages.close());
  if (upgraded !== null) bus.emit('upgraded', upgradeFields(upgraded));
  bus.emit('daemon-started', {
    node: config.node,
    generation: policies.generation,
    policy: restored.kind,
  });
  log.info({ node: config.node, mode: mode.mode, socket: config.api.socket }, 'the wall stands');
  const reload = async () => certificates?.reload();
  return { wall, reload, stop: () => leases.release() };
}

/** How the pair is, of all parts that know something of it. */
function pairStatus(replication: Replication, shared: Shared): WallParts['sync'] {
  return {
    status: { ...replication.status, ...shared.status },
    alarms: [...replication.alarms, ...shared.alarms],
  };
}

/**
 * Names of the ports of this node's wall, if it stands. Without its tables nobody knows which they were:
 * then those that the node file names are believed to be.
 */
async function standingPorts(
  { node, bridge }: NodeConfig,
  pins: PinSet,
): Promise<ReadonlySet<string> | undefined> {
  if (pins.completeTag() === undefined) return undefined;
  const own = (await standingWalls()).find((wall) => wall.node === node);
  return new Set(own?.ports ?? bridge.ports.map((port) => port.name));
}

/** A wall that stands is taken over even if somebody else reads its log group meanwhile. */
async function claimLog(
  feed: LogFeed,
  { log: { group } }: NodeConfig,
  standing: boolean,
  log: Logger,
): Promise<void> {
  if (!standing) return await feed.open(group);
  const tell = () => log.info({ group }, 'the log group is free again; its records are read');
  const trouble = await feed.openWhenFree(group, tell);
  if (trouble !== undefined) log.error(`${trouble}; until then nobody reads the log records`);
}

function logRestoration(log: Logger, restored: Restoration): void {
  if (restored.kind === 'none') {
    log.info('no policy was ever applied: everything is dropped');
    return;
  }
  const { kind, ...fields } = restored;
  if (kind === 'adopted') log.info(fields, 'adopted the installed policy');
  else if (kind === 'reverted') log.warn(fields, 'took back a policy that was not confirmed');
  else if (kind === 'reinstalled') log.warn(fields, 'installed the last policy of the store anew');
  else log.error(fields, 'what judges is not known from the store; it stays as it is');
}
