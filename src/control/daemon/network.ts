/** A node towards others: it listens at `api.listen`, and keeps a connection to its peer. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  Certificates,
  helloHandlers,
  ownIdentity,
  PeerChannel,
  peerDefinition,
  Refusals,
  SecureServer,
} from '../../sync/channel/index.js';
import { apiDefinition } from '../api/definition.js';
import { nodeHandlers } from '../api/handlers.js';
import { acceptEncoded } from '../api/long.js';
import { formatEndpoint, type NodeConfig } from '../config/index.js';
import type { EventKind } from '../events.js';
import type { NodeService } from '../service.js';
import type { EventBus, EventSink } from './event-bus.js';

/** What others may ask of a node; what changes it, or costs it much, is said at its own socket. */
export const READING: readonly string[] = [
  ...['Status', 'Counters', 'Ports', 'Matrix', 'Explain', 'History', 'Policy', 'Diff', 'Ha'],
  ...['States', 'StateDump', 'CountStates', 'Sets', 'SetMembers', 'SetDump'],
  ...['WatchDrops', 'WatchEvents', 'WatchSessions'],
];
const LISTEN_AGAIN_MS = 1000;
const WATCH_QUEUE = 4096;

/** The certificates of the node file, or null where it has none. @throws ChannelError */
export async function openCertificates(
  { node, ha, api }: NodeConfig,
  events: EventSink,
): Promise<Certificates | null> {
  if (api.tls === null) return null;
  // Without a peer it is the clients' business what they want to read in it.
  return await Certificates.open(api.tls, ha === null ? null : node, events);
}

export interface NetworkDeps {
  readonly config: NodeConfig;
  readonly certificates: Certificates;
  readonly service: NodeService;
  readonly events: EventBus;
  readonly log: Logger;
}

/** One use: `open`, then `close`. More services may be added to `server` at any time. */
export class Network {
  readonly server: SecureServer;
  /** null: the node is alone. */
  readonly peer: PeerChannel | null;
  readonly #deps: NetworkDeps;
  readonly #refusals: Refusals;
  readonly #stopping = new AbortController();
  #listening: Promise<void> = Promise.resolve();

  private constructor(deps: NetworkDeps) {
    const { config, certificates, service, events, log } = deps;
    const { node, ha, api } = config;
    this.#deps = deps;
    this.#refusals = new Refusals(events);
    const common = { certificates, refusals: this.#refusals };
    this.server = new SecureServer({
      ...common,
      listen: api.listen!,
      peer: ha?.peer.name ?? null,
      clients: api.clients,
    });
    const handlers = nodeHandlers(service, {
      watchQueue: WATCH_QUEUE,
      onError: (method, error) => log.error({ method, error: String(error) }, 'call failed'),
      stopping: this.#stopping.signal,
    });
    const { Node } = apiDefinition().v1;
    this.server.add(acceptEncoded(Node.service), handlers, { peerOnly: false, only: READING });
    if (ha === null) {
      this.peer = null;
      return;
    }
    const own = ownIdentity(node);
    const greeting = helloHandlers(own, ha.peer.name);
    this.server.add(peerDefinition().Peer.service, greeting, { peerOnly: true });
    this.peer = new PeerChannel({ ...common, own, peer: ha.peer, events });
  }

  /** Opens what the node file names: nothing without `api.listen`. */
  static open(deps: NetworkDeps): Network {
    const network = new Network(deps);
    logNetwork(deps.events, deps.log, network.#stopping.signal);
    network.#listening = network.#listen();
    network.peer?.open();
    return network;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#listening;
    await this.peer?.close();
    await this.server.close();
    this.#refusals.close();
  }

  /** The address may not be there yet when the machine boots, and the wall is needed all the same. */
  async #listen(): Promise<void> {
    const { config, events, log } = this.#deps;
    let told = '';
    while (!this.#stopping.signal.aborted) {
      try {
        await this.server.listen();
        log.info({ address: formatEndpoint(config.api.listen!) }, 'listening for other nodes');
        return;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (why !== told) events.emit('listen-failed', { why });
        told = why;
      }
      await pause(LISTEN_AGAIN_MS, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }
}

const MESSAGES: Partial<Record<EventKind, readonly ['info' | 'warn' | 'error', string]>> = {
  'peer-up': ['info', 'the peer is connected'],
  'peer-down': ['warn', 'the peer is not connected'],
  'peer-refused': ['warn', 'a connection was refused'],
  'sync-alarm': ['error', 'connections are not replicated'],
  'sync-recovered': ['info', 'connections are replicated again'],
  'sync-repaired': ['info', 'connections that were missed were told again'],
  'sync-refused': ['error', 'nothing was taken of what the other node said of its connections'],
  'sync-full': ['error', 'connections of the other node found no room'],
  'policy-received': ['info', 'installed the policy of the other node'],
  'policy-refused': ['error', 'the policy of the other node cannot be installed here'],
  'policy-differs': ['error', 'the nodes do not have the same policy'],
  'policy-agreed': ['info', 'the nodes have the same policy again'],
  'certificates-loaded': ['info', 'other certificates hold from now on'],
  'certificates-refused': ['error', 'the new certificates are not usable; the old ones go on'],
  'certificate-expires': ['warn', "the node's certificate expires soon"],
  'listen-failed': ['error', 'nobody can connect yet; it is tried again every second'],
};

/** What is an event is a line of the log, too. */
function logNetwork(events: EventBus, log: Logger, signal: AbortSignal): void {
  events.watch(({ ts: _, event, ...fields }) => {
    const [level, message] = MESSAGES[event as EventKind] ?? [];
    if (level !== undefined) log[level](fields, message);
  }, signal);
}
