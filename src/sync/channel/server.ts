/**
 * Where a node listens for others: TLS 1.3, a certificate of the CA, and a name. The handshake is made
 * here, and grpc-js is handed connections that were found good; it sees no byte of any other.
 */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type StatusObject,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type Endpoint, formatEndpoint } from '../../control/config/index.js';
import type { Certificates } from './certificates.js';
import { chainReason } from './chain-reason.js';
import { ChannelError } from './errors.js';
import { LiveConnections } from './live.js';
import { isNamed, namesOf } from './names.js';
import { type RefusalReason, type Refusals, reasonOf } from './refusals.js';

const HANDSHAKE_MS = 5000;
/**
 * Handshakes at a time, from one address and in all, and connections: a flood costs no more memory than
 * that, and one from elsewhere does not keep the peer out.
 */
const MOST_HANDSHAKES = 64;
const MOST_OF_ONE = 16;
const MOST_CONNECTIONS = 256;
const LARGEST_REQUEST = 64 * 1024 * 1024;

export interface SecureServerOptions {
  readonly listen: Endpoint;
  readonly certificates: Certificates;
  /** Name of the other node, or null. */
  readonly peer: string | null;
  /** Names of those who may read; null: whoever has a certificate of the CA. */
  readonly clients: readonly string[] | null;
  readonly refusals: Refusals;
}

export interface ServiceOptions {
  /** Only the other node of the pair may call it; else whoever may read. */
  readonly peerOnly: boolean;
  /** The methods that may be called at all; all of them by default. */
  readonly only?: readonly string[];
}

type ConnectionInjector = ReturnType<Server['createConnectionInjector']>;
type Call = ServerUnaryCall<unknown, unknown>;
type Handler = (call: Call, reply: (error: Partial<StatusObject>) => void) => void;

/** One use: `add` what it serves, `listen`, then `close`. */
export class SecureServer {
  readonly #options: SecureServerOptions;
  readonly #grpc = new Server({
    'grpc.max_receive_message_length': LARGEST_REQUEST,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5000,
  });
  readonly #live = new LiveConnections();
  readonly #tls: TlsServer;
  readonly #forget: () => void;
  readonly #http2: ConnectionInjector;
  /** Of whom it is not known yet who they are. */
  readonly #handshakes = new Set<string>();

  constructor(options: SecureServerOptions) {
    this.#options = options;
    const { certificates, refusals } = options;
    this.#http2 = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#tls = createServer({
      ...certificates.current.options,
      ALPNProtocols: ['h2'],
      requestCert: true,
      // Nobody gets in for that: #refusal asks, and can tell why, which a handshake that fails cannot.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      noDelay: true,
    });
    this.#tls.maxConnections = MOST_CONNECTIONS;
    this.#tls.on('drop', (data) => refusals.tell(data?.remoteAddress ?? '', 'too-many'));
    this.#tls.prependListener('connection', (socket) => this.#begin(socket));
    this.#tls.on('tlsClientError', (error, socket) => {
      const reason = reasonOf(error);
      if (reason !== undefined) refusals.tell(addressOf(socket), reason);
    });
    this.#tls.on('secureConnection', (socket) => this.#shaken(socket));
    this.#forget = certificates.onChange((material, trust) => {
      this.#tls.setSecureContext(material.options);
      if (trust) this.#live.cutAll();
    });
  }

  /** The port that is listened on, for those who asked for any; 0 before `listen`. */
  get port(): number {
    const address = this.#tls.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Connections that were let in and stand. */
  get connections(): number {
    return this.#live.size;
  }

  /** Serves one more service. Before or after `listen`. */
  add(
    definition: ServiceDefinition,
    handlers: UntypedServiceImplementation,
    { peerOnly, only }: ServiceOptions,
  ): void {
    const guarded: UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(definition)) {
      const run = handlers[name] as Handler | undefined;
      if (run === undefined) continue;
      const handler: Handler = (call, reply) => {
        const denied =
          only === undefined || only.includes(name) ? this.#denied(call, peerOnly) : READING_ONLY;
        if (denied === undefined) run.call(handlers, call, reply);
        else if (method.responseStream) call.emit('error', denied);
        else reply(denied);
      };
      guarded[name] = handler as UntypedHandleCall;
    }
    this.#grpc.addService(definition, guarded);
  }

  /** @throws ChannelError `ELISTEN` */
  async listen(): Promise<void> {
    const { listen } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        const why = WHY[error.code ?? ''] ?? error.code ?? error.message;
        const where = formatEndpoint(listen);
        reject(new ChannelError('ELISTEN', `api.listen: ${where}: ${why}`, { cause: error }));
      };
      this.#tls.once('error', fail);
      this.#tls.listen({ ...listen, exclusive: true }, () => {
        this.#tls.off('error', fail);
        this.#tls.on('error', () => {});
        resolve();
      });
    });
  }

  /** Stops listening, lets calls under way end, and cuts what is left after `deadlineMs`. */
  async close(deadlineMs = 1000): Promise<void> {
    this.#forget();
    const closed = new Promise<void>((resolve) => {
      if (this.#tls.listening) this.#tls.close(() => resolve());
      else resolve();
    });
    const deadline = setTimeout(() => {
      this.#grpc.forceShutdown();
      this.#live.cutAll();
    }, deadlineMs);
    await new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()));
    clearTimeout(deadline);
    this.#live.cutAll();
    this.#live.close();
    await closed;
  }

  #begin(socket: Socket): void {
    const key = keyOf(socket);
    const own = `${socket.remoteAddress} `;
    const same = [...this.#handshakes].filter((other) => other.startsWith(own)).length;
    if (same >= MOST_OF_ONE || this.#handshakes.size >= MOST_HANDSHAKES) {
      this.#options.refusals.tell(addressOf(socket), 'too-many');
      socket.destroy();
      return;
    }
    this.#handshakes.add(key);
    socket.once('close', () => this.#handshakes.delete(key));
  }

  #shaken(socket: TLSSocket): void {
    this.#handshakes.delete(keyOf(socket));
    socket.on('error', () => {});
    const cert = socket.getPeerX509Certificate();
    const reason = this.#refusal(socket, cert);
    if (reason !== undefined || cert === undefined) {
      this.#options.refusals.tell(addressOf(socket), reason ?? 'no-certificate', namesOf(cert));
      socket.destroy();
      return;
    }
    this.#live.add(socket, cert);
    this.#http2.injectConnection(socket);
  }

  /** Why a connection may not stand. */
  #refusal(socket: TLSSocket, cert: X509Certificate | undefined): RefusalReason | undefined {
    if (cert === undefined) return 'no-certificate';
    if (!socket.authorized) {
      const code = String(socket.authorizationError);
      return chainReason(code, cert, this.#options.certificates.current) ?? 'handshake';
    }
    if (socket.getProtocol() !== 'TLSv1.3' || socket.isSessionReused()) return 'tls-version';
    if (socket.alpnProtocol !== 'h2') return 'protocol';
    return this.#isPeer(cert) || this.#mayRead(cert) ? undefined : 'wrong-name';
  }

  /** Why a call is refused on a connection that stands. */
  #denied(call: Call, peerOnly: boolean): Partial<StatusObject> | undefined {
    const raw = call.getAuthContext().sslPeerCertificate?.raw;
    const cert = raw === undefined ? undefined : new X509Certificate(raw);
    if (cert !== undefined && (peerOnly ? this.#isPeer(cert) : this.#mayRead(cert)))
      return undefined;
    const reason = peerOnly ? 'not-the-peer' : 'not-a-reader';
    const remote = call.getPeer().replace(/:\d+$/, '');
    this.#options.refusals.tell(plain(remote), reason, namesOf(cert));
    return peerOnly ? NOT_THE_PEER : NOT_A_READER;
  }

  #isPeer(cert: X509Certificate): boolean {
    const { peer } = this.#options;
    return peer !== null && isNamed(cert, peer);
  }

  #mayRead(cert: X509Certificate): boolean {
    const { clients } = this.#options;
    if (clients === null) return namesOf(cert) !== '';
    return clients.some((name) => isNamed(cert, name));
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'somebody else listens there',
  EADDRNOTAVAIL: 'is no address of this machine',
  EACCES: 'may not be listened on',
};

const NOT_THE_PEER = denial('only the other node of the pair may call this');
const NOT_A_READER = denial('api.clients of the node file does not name this certificate');
const READING_ONLY = denial("the network may only read; changes are made at the node's own socket");

function denial(details: string): Partial<StatusObject> {
  return { code: status.PERMISSION_DENIED, details };
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function addressOf(socket: Socket): string {
  return plain(socket.remoteAddress ?? '');
}

/** An IPv4 address as such, also where the socket is one of IPv6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
