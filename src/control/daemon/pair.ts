/** This node as one of two: its probes, its role, and what a takeover takes. */
import type { Logger } from 'pino';
import { PortState, port as portCodec } from '../../generated/layouts.js';
import type { PeerChannel, SecureServer } from '../../sync/channel/index.js';
import {
  AddressBook,
  Agreement,
  isPaired,
  nodeNumber,
  PairFile,
  Prober,
  pairingDefinition,
} from '../../sync/probes/index.js';
import {
  PATHS,
  type RoleChange,
  RoleKeeper,
  type RoleOrder,
  RoleRefusal,
  SEGMENTS,
  type Segment,
} from '../../sync/roles/index.js';
import type { HaConfig, NodeConfig } from '../config/index.js';
import { index } from '../dataplane/array-key.js';
import { type Dataplane, hasDevice, PairMap, packAddresses, Role } from '../dataplane/index.js';
import { type Caller, type HaStatus, ServiceError } from '../service.js';
import type { EventSink } from './event-bus.js';
import type { PortTable } from './guard/port-table.js';
import { ManagerFiles } from './manager-files.js';
import { Neighbours } from './neighbours.js';
import type { PeerAddress } from './peer-address.js';

const PORTS_MS = 200;

export interface PairDeps {
  readonly config: NodeConfig;
  readonly ha: HaConfig;
  readonly dataplane: Dataplane;
  readonly ports: PortTable;
  readonly file: PairFile;
  readonly server: SecureServer;
  readonly channel: PeerChannel;
  readonly events: EventSink;
  readonly log: Logger;
  readonly peerAddress: PeerAddress;
  /** Connections, the policy and members of groups of the other node are all known here. */
  readonly ready: () => boolean;
  /** Right before this node becomes active. */
  readonly onTakeover: () => void;
}

/** A standby is to be alone: it would pass packets at once, beside the active node that it knew of. */
export class StandbyAloneError extends Error {
  constructor(node: string) {
    super(
      `${node} stands as the standby of a pair, and its node file has no ha: any more; ` +
        'put it back, or take the wall down first (bridgewalld --detach)',
    );
    this.name = 'StandbyAloneError';
  }
}

/** @throws StandbyAloneError */
export function checkAlone(
  dataplane: Pick<Dataplane, 'map' | 'fresh'>,
  { node, ha }: Pick<NodeConfig, 'node' | 'ha'>,
): void {
  if (ha === null && !dataplane.fresh && new Role(dataplane).read().standby) {
    throw new StandbyAloneError(node);
  }
}

/**
 * What a node of a pair is before its daemon knows more: a standby if it comes up from nothing, else what it
 * was; a node that is alone is active. To be called before programs are attached.
 * @throws StandbyAloneError
 */
export function prepareRole(
  dataplane: Pick<Dataplane, 'map' | 'fresh'>,
  config: Pick<NodeConfig, 'node' | 'ha'>,
): void {
  checkAlone(dataplane, config);
  const role = new Role(dataplane);
  if (config.ha === null) {
    new PairMap(dataplane).clear();
    role.clear();
  } else if (dataplane.fresh) {
    role.change(role.read(), { standby: true, epoch: 0 });
  }
}

export function openPairFile(
  { store }: NodeConfig,
  { peer }: HaConfig,
  warn: (message: string) => void,
): Promise<PairFile> {
  return PairFile.open(store, peer.name, warn);
}

export class Pair {
  readonly #deps: PairDeps;
  readonly #prober: Prober;
  readonly #agreement: Agreement;
  readonly #addresses: AddressBook;
  readonly #neighbours: Neighbours;
  readonly #keeper: RoleKeeper;
  /** Null: the nodes decide themselves. */
  readonly #manager: ManagerFiles | null;
  readonly #timer: NodeJS.Timeout;
  #announced = { addresses: 0, frames: 0, failed: 0, ms: 0 };

  constructor(deps: PairDeps) {
    this.#deps = deps;
    const { config, ha, dataplane, ports, file, log } = deps;
    const { node, api } = config;
    if (nodeNumber(node) === nodeNumber(ha.peer.name)) {
      throw new ServiceError('invalid', `${node} and ${ha.peer.name} look the same on the wire`);
    }
    const listen = api.listen!;
    this.#prober = new Prober({
      ...{ dataplane, node, peer: ha.peer.name, priority: ha.priority, ports: ports.all },
      link: {
        localAddress: listen.host,
        localPort: listen.port,
        remoteAddress: deps.peerAddress.current,
        remotePort: ha.peer.port,
      },
      onChange: () => this.#keeper?.look(),
    });
    this.#neighbours = new Neighbours(dataplane, () => ports.all, {
      setMoved: ({ records, count }) => this.#prober.setMoved(records, count),
      movedLeft: () => this.#prober.snapshot.movedLeft,
    });
    const open: { close(): void }[] = [this.#prober];
    try {
      this.#manager = ha.manager === 'external' ? this.#openManager() : null;
      if (this.#manager !== null) open.push(this.#manager);
      this.#prober.setKeys(file.keys);
      this.#agreement = new Agreement({
        ...{ node, peer: ha.peer.name, channel: deps.channel, keys: file.keys },
        keep: async (keys) => {
          await file.keepKeys(keys);
          this.#prober.setKeys(keys);
        },
        onError: (error) => log.warn({ error: String(error) }, 'no new key for probes'),
      });
      open.push(this.#agreement);
      this.#addresses = new AddressBook({
        channel: deps.channel,
        wanted: () => this.#keeper?.status.state !== 'active',
        own: () => packAddresses(dataplane, ports.all),
        onAnswer: (theirs) => this.#neighbours.know(theirs),
      });
      open.push(this.#addresses);
      const handlers = { ...this.#agreement.handlers, ...this.#addresses.handlers };
      deps.server.add(pairingDefinition().Pairing.service, handlers, { peerOnly: true });
      this.#keeper = this.#keep();
    } catch (error) {
      for (const part of open) part.close();
      throw error;
    }
    deps.peerAddress.follow((address) => {
      log.info({ peer: ha.peer.name, address }, 'the other node has another address');
      this.#prober.setPeer(address, ha.peer.port);
    });
    this.#timer = setInterval(() => this.#prober.setPorts(ports.all), PORTS_MS);
    this.#timer.unref();
  }

  /** What `status` shows: a node that is about to join is a standby. */
  get role(): string {
    const { state } = this.#keeper.status;
    return state === 'active' || state === 'fault' ? state : 'standby';
  }

  get status(): HaStatus {
    const { ha } = this.#deps;
    const view = this.#prober.view();
    const { state, epoch, reason, since } = this.#keeper.status;
    const snapshot = this.#prober.snapshot;
    const best = PATHS.map((path) => view.paths[path])
      .filter(({ said }) => said !== null)
      .sort((a, b) => a.silentFor - b.silentFor)[0];
    const peer = best?.said ?? null;
    return {
      ...{ state, epoch, reason, since },
      priority: ha.priority,
      manager: ha.manager,
      ready: this.#deps.ready(),
      paired: isPaired(this.#deps.file.keys),
      peer: {
        name: ha.peer.name,
        state:
          peer === null ? 'unknown' : peer.fault ? 'fault' : peer.standby ? 'standby' : 'active',
        epoch: peer?.epoch ?? 0,
        priority: peer?.priority ?? 0,
        ready: peer?.ready ?? false,
        daemon: peer?.attended ?? false,
      },
      paths: PATHS.map((path) => ({
        name: path,
        up: path === 'sync' ? true : this.#links()[path],
        heardMs: view.paths[path].met ? Math.max(0, Math.round(view.paths[path].silentFor)) : null,
        peerHears: view.paths[path].said?.hears[path] ?? false,
      })),
      probes: {
        rounds: snapshot.rounds,
        failed: snapshot.failed,
        refused: snapshot.refused,
        naps: snapshot.naps,
      },
      announced: this.#announced,
    };
  }

  /** A link has changed. */
  look(): void {
    this.#keeper.look();
  }

  async takeOver(by: Caller, force: boolean): Promise<void> {
    await refusing(() => this.#keeper.takeOver(by.user, force));
    this.#manager?.keep('active');
  }

  async yield(by: Caller): Promise<void> {
    await refusing(() => this.#keeper.yield(by.user));
    this.#manager?.keep('standby');
  }

  /** The role stays what it is, and the packet path goes on answering. */
  close(): void {
    clearInterval(this.#timer);
    this.#deps.peerAddress.close();
    this.#manager?.close();
    this.#keeper.close();
    this.#agreement.close();
    this.#addresses.close();
    this.#prober.close();
  }

  #openManager(): ManagerFiles {
    const { config, log } = this.#deps;
    return ManagerFiles.open(config.api.socket, {
      onOrder: (order) => this.#obey(order),
      onError: (error) =>
        log.error({ error: String(error) }, 'the manager of the pair is not heard'),
    });
  }

  /** What cannot be done yet is done when it can be: an order holds until the next one. */
  #obey(order: RoleOrder): void {
    const { log } = this.#deps;
    const tell = (error: unknown) => log.warn({ order, error: String(error) }, 'not done yet');
    try {
      if (order === 'active') this.#keeper.takeOver('the manager', true);
      else void this.#keeper.yield('the manager').catch(tell);
    } catch (error) {
      tell(error);
    }
  }

  #keep(): RoleKeeper {
    const { config, ha, dataplane, file, log, channel } = this.#deps;
    return new RoleKeeper({
      settings: {
        priority: ha.priority,
        first: config.node.toLowerCase() < ha.peer.name.toLowerCase(),
        preempt: ha.preempt,
        external: ha.manager === 'external',
      },
      epoch: file.epoch,
      order: this.#manager?.order ?? null,
      word: new Role(dataplane),
      look: () => ({
        ...this.#prober.view(),
        links: this.#links(),
        ready: this.#deps.ready(),
        paired: isPaired(file.keys),
        connected: channel.state.up,
      }),
      announce: (what) => this.#prober.announce(what),
      kick: (takeover) => this.#prober.kick(takeover),
      onTakeover: this.#deps.onTakeover,
      onActive: () => void this.#tellNeighbours(),
      onChange: (change) => this.#tell(change),
      onEpoch: (epoch) => {
        void file
          .keepEpoch(epoch)
          .catch((error) => log.error({ error: String(error) }, 'the epoch cannot be kept'));
      },
      onAdvice: (why) => {
        this.#manager?.advise(why !== null);
        log.info(
          { why },
          why === null ? 'this node is well where it is' : 'this node should be active',
        );
      },
    });
  }

  /** As it is mirrored; a port of which nothing is known yet counts as up. */
  #links(): Record<Segment, boolean> {
    const { dataplane, ports } = this.#deps;
    const list = dataplane.map('port_list');
    const up = (segment: Segment) =>
      ports.all.some((port) => {
        if (port.side !== segment || !hasDevice(port)) return false;
        const { state, carrier } = portCodec.decode(list.lookup(index(port.number))!);
        return carrier !== 0 || state === PortState.UNKNOWN;
      });
    return { uplink: up(SEGMENTS[0]!), inside: up(SEGMENTS[1]!) };
  }

  #tell({ from, to, epoch, reason }: RoleChange): void {
    this.#deps.log.warn({ from, to, epoch, reason }, 'the role has changed');
    this.#deps.events.emit('role-changed', { from, to, epoch, reason });
  }

  async #tellNeighbours(): Promise<void> {
    const { events, log } = this.#deps;
    try {
      this.#announced = await this.#neighbours.tell();
      const { frames, failed, ms } = this.#announced;
      events.emit('addresses-announced', { frames, failed, ms });
    } catch (error) {
      log.error({ error: String(error) }, 'the neighbours could not be told where MACs are');
    }
  }
}

async function refusing(work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RoleRefusal) throw new ServiceError('precondition', error.message);
    throw error;
  }
}
