/** Two nodes of a pair on this machine's loopback, with certificates of their own making. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { TlsConfig } from '../../../../src/control/config/index.js';
import { EventBus } from '../../../../src/control/daemon/event-bus.js';
import type { NodeEvent } from '../../../../src/control/events.js';
import {
  type Authority,
  issue,
  makeAuthority,
  writeRevocations,
} from '../../../../src/sync/certificates/index.js';
import {
  Certificates,
  helloHandlers,
  ownIdentity,
  PeerChannel,
  peerDefinition,
  Refusals,
  SecureServer,
} from '../../../../src/sync/channel/index.js';

const DAY = 86_400_000;

export const days = (from: number, until: number) => ({
  from: new Date(Date.now() + from * DAY),
  until: new Date(Date.now() + until * DAY),
});

/** A CA, and a directory for what it signs. */
export class TestAuthority {
  readonly directory = mkdtempSync(join(tmpdir(), 'bw-channel-'));
  readonly authority: Authority;
  readonly ca: string;
  readonly crl: string;
  #number = 0;

  constructor() {
    const made = makeAuthority('test', days(-1, 100));
    this.authority = { cert: new X509Certificate(made.cert), key: createPrivateKey(made.key) };
    this.ca = this.write('ca.pem', made.cert);
    this.crl = this.revoke();
  }

  /** Writes a certificate and its key; `file` is what they are called, `name` whom they name. */
  issue(name: string, file = name, validity = days(-1, 50)): TlsConfig {
    const made = issue(this.authority, name, validity);
    const cert = this.write(`${file}.pem`, made.cert);
    return { ca: this.ca, cert, key: this.write(`${file}.key`, made.key), crl: null };
  }

  /** Writes the list of revocations anew. */
  revoke(...certs: readonly X509Certificate[]): string {
    const revoked = certs.map(({ serialNumber }) => ({ serial: serialNumber, at: new Date() }));
    const list = writeRevocations(this.authority, revoked, ++this.#number, days(-1, 50));
    return this.write('crl.pem', list);
  }

  write(file: string, content: string): string {
    const path = join(this.directory, file);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** One end; `close` ends all that it opened. */
export class TestNode {
  readonly events: NodeEvent[] = [];
  readonly certificates: Certificates;
  readonly refusals: Refusals;
  readonly server: SecureServer;
  readonly hellos: string[] = [];
  readonly #bus: EventBus;
  readonly #node: string;
  readonly #channels: PeerChannel[] = [];

  private constructor(
    node: string,
    peer: string | null,
    certificates: Certificates,
    bus: EventBus,
    port: number,
  ) {
    this.#node = node;
    this.#bus = bus;
    bus.watch((event) => this.events.push(event), new AbortController().signal);
    this.certificates = certificates;
    this.refusals = new Refusals(bus);
    this.server = new SecureServer({
      listen: { host: '127.0.0.1', port },
      certificates,
      peer,
      clients: [],
      refusals: this.refusals,
    });
    if (peer === null) return;
    const handlers = helloHandlers(ownIdentity(node), peer, (who) => this.hellos.push(who.node));
    this.server.add(peerDefinition().Peer.service, handlers, { peerOnly: true });
  }

  static async open(
    node: string,
    peer: string | null,
    tls: TlsConfig,
    port = 0,
  ): Promise<TestNode> {
    const bus = new EventBus();
    const made = new TestNode(node, peer, await Certificates.open(tls, node, bus), bus, port);
    await made.server.listen();
    return made;
  }

  /** A channel to whoever listens at `port`, who should be `peer`. */
  connect(peer: string, port: number): PeerChannel {
    const channel = new PeerChannel({
      own: ownIdentity(this.#node),
      peer: { name: peer, host: '127.0.0.1', port },
      certificates: this.certificates,
      events: this.#bus,
      refusals: this.refusals,
    });
    this.#channels.push(channel);
    channel.open();
    return channel;
  }

  of(kind: string): NodeEvent[] {
    return this.events.filter(({ event }) => event === kind);
  }

  async close(): Promise<void> {
    for (const channel of this.#channels) await channel.close();
    await this.server.close();
    this.refusals.close();
    this.certificates.close();
  }
}

/** Resolves when `true` comes of it; a test that waits in vain ends by its own time limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** What a bare TLS client gets: the bytes that were sent to it before it was hung up on. */
export function knock(port: number, options: ConnectionOptions): Promise<{ bytes: number }> {
  return new Promise((resolve) => {
    let bytes = 0;
    const all = { ALPNProtocols: ['h2'], rejectUnauthorized: false, ...options };
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ...all });
    socket.on('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    socket.on('data', (data) => {
      bytes += data.length;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ bytes }));
  });
}
