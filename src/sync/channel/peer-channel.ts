/**
 * A node's own connection to its peer. One grpc channel is one connection: when it is lost, all that hung
 * on it ends, the next one is made from the start, with the certificates of then, and begins with Hello.
 */
import {
  Channel,
  type ChannelOptions,
  type Client,
  connectivityState,
  status,
} from '@grpc/grpc-js';
import { formatEndpoint, type PeerConfig } from '../../control/config/index.js';
import type { EventSink } from '../../control/daemon/event-bus.js';
import type { HelloResponse__Output } from '../../generated/proto/bridgewall/v1/HelloResponse.js';
import type { Certificates } from './certificates.js';
import { PeerCredentials } from './credentials.js';
import { peerDefinition } from './definition.js';
import type { PeerIdentity } from './hello.js';
import type { RefusalReason, Refusals } from './refusals.js';

/** Connecting, TLS and Hello together. */
const HELLO_MS = 4000;
const SHORTEST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2000;

/** How it stands with the peer. */
export type PeerState =
  | { readonly up: false /** For people, one line. */; readonly why: string }
  | {
      readonly up: true;
      readonly peer: PeerIdentity;
      /** The highest format that both speak. */
      readonly format: number;
    };

export interface PeerChannelOptions {
  readonly own: PeerIdentity;
  readonly peer: PeerConfig;
  readonly certificates: Certificates;
  readonly events: EventSink;
  readonly refusals: Refusals;
}

type StateListener = (state: PeerState) => void;
type ClientType<T extends Client> = new (...args: ConstructorParameters<typeof Client>) => T;

/** One use: `open`, then `close`. */
export class PeerChannel {
  readonly #options: PeerChannelOptions;
  readonly #address: string;
  readonly #credentials: PeerCredentials;
  readonly #listeners = new Set<StateListener>();
  readonly #stopping = new AbortController();
  #state: PeerState = { up: false, why: 'not connected yet' };
  #channel: Channel | undefined;
  #running: Promise<void> = Promise.resolve();
  #refused: RefusalReason | undefined;
  #told = false;

  constructor(options: PeerChannelOptions) {
    const { peer, certificates, refusals } = options;
    this.#options = options;
    this.#address = formatEndpoint(peer);
    this.#credentials = new PeerCredentials(certificates, peer.name, (reason, name) => {
      this.#refused = reason;
      refusals.tell(this.#address, reason, name);
    });
  }

  get state(): PeerState {
    return this.#state;
  }

  /** Connects, and does so again whenever the connection is lost. */
  open(): void {
    this.#running = this.#run();
  }

  /** Calls back now and with each change until the signal aborts. */
  watch(listener: StateListener, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
    listener(this.#state);
  }

  /**
   * A client of one of the peer's services on the connection that is up. It ends with that connection:
   * ask for another one when the next is up.
   *
   * @throws Error while the peer is not connected
   */
  client<T extends Client>(type: ClientType<T>): T {
    if (!this.#state.up || this.#channel === undefined)
      throw new Error('the peer is not connected');
    return this.#clientOn(this.#channel, type);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#channel?.close();
    this.#credentials.close();
    await this.#running;
    this.#listeners.clear();
  }

  get #closed(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    let pause = SHORTEST_PAUSE_MS;
    while (!this.#closed) {
      const channel = new Channel(this.#address, this.#credentials, CHANNEL);
      this.#channel = channel;
      this.#refused = undefined;
      const hello = await this.#greet(channel);
      if (typeof hello !== 'string' && !this.#closed) {
        pause = SHORTEST_PAUSE_MS;
        this.#setUp(hello);
        await this.#lost(channel);
      }
      this.#channel = undefined;
      channel.close();
      if (this.#closed) return;
      this.#setDown(typeof hello === 'string' ? hello : 'the connection was lost');
      await this.#rest(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  /** What the peer said, or why it did not. */
  #greet(channel: Channel): Promise<HelloResponse__Output | string> {
    const { own } = this.#options;
    const client = this.#clientOn(channel, peerDefinition().Peer);
    const request = { ...own, formats: [...own.formats] };
    return new Promise((resolve) => {
      client.Hello(request, { deadline: Date.now() + HELLO_MS }, (error, response) => {
        if (error === null && response !== undefined) {
          resolve(this.#unlike(response) ?? response);
        } else if (this.#refused !== undefined) {
          resolve(`not taken for ${this.#options.peer.name}: ${this.#refused}`);
        } else resolve(whyNot(error?.code, error?.details ?? ''));
      });
    });
  }

  /** What a peer that keeps to the protocol cannot say. */
  #unlike({ node, format }: HelloResponse__Output): string | undefined {
    const { own, peer } = this.#options;
    if (node.toLowerCase() !== peer.name.toLowerCase()) {
      return `the peer says that it is ${JSON.stringify(node.slice(0, 63))}`;
    }
    return own.formats.includes(format) ? undefined : `the peer chose format ${format}`;
  }

  /** Resolves when the connection is no more. */
  #lost(channel: Channel): Promise<void> {
    return new Promise((resolve) => {
      const { READY } = connectivityState;
      if (this.#closed || channel.getConnectivityState(false) !== READY) return resolve();
      channel.watchConnectivityState(READY, Number.POSITIVE_INFINITY, () => resolve());
    });
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stopping;
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms * (0.75 + Math.random() / 2));
      signal.addEventListener('abort', done);
    });
  }

  #setUp({ format, ...peer }: HelloResponse__Output): void {
    this.#told = false;
    const { node, version } = peer;
    this.#options.events.emit('peer-up', { peer: node, address: this.#address, version, format });
    this.#set({ up: true, peer, format });
  }

  /** The first failure after a connection, or after the start, is an event; the next ones are its echo. */
  #setDown(why: string): void {
    if (!this.#told) {
      const { name } = this.#options.peer;
      this.#options.events.emit('peer-down', { peer: name, address: this.#address, why });
    }
    this.#told = true;
    this.#set({ up: false, why });
  }

  #set(state: PeerState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  #clientOn<T extends Client>(channel: Channel, type: ClientType<T>): T {
    return new type(this.#address, this.#credentials, { channelOverride: channel });
  }
}

const CHANNEL: ChannelOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // A name is looked up for its addresses alone, and no proxy of the surroundings is asked.
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.keepalive_time_ms': 1000,
  'grpc.keepalive_timeout_ms': 1500,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  // Room for an answer to be late on a busy machine; what is told of a table must not be old when it comes.
  'grpc-node.flow_control_window': 256 * 1024,
};

function whyNot(code: status | undefined, details: string): string {
  if (code === status.DEADLINE_EXCEEDED) return 'no answer';
  if (code !== status.UNAVAILABLE) return details;
  const [, cause] = /Last error: (?:Error: )?(.+?)(?: \(\d{4}-[^)]*\))?\.?$/.exec(details) ?? [];
  return cause ?? 'the peer hung up; its log says why';
}
