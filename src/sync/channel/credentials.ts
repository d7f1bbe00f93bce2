/**
 * How a node makes a connection to its peer: with the certificates of that moment, and only to who has the
 * peer's name. grpc-js builds credentials from files once and for all; these ask anew each time.
 */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js';
import type { Certificates } from './certificates.js';
import { chainReason } from './chain-reason.js';
import { LiveConnections } from './live.js';
import { isNamed, namesOf } from './names.js';
import { type RefusalReason, reasonOf } from './refusals.js';

const HANDSHAKE_MS = 5000;

/** Told why the other end was not taken for the peer. */
export type OnRefused = (reason: RefusalReason, name: string) => void;

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

export class PeerCredentials extends ChannelCredentials {
  readonly #certificates: Certificates;
  readonly #peer: string;
  readonly #onRefused: OnRefused;
  readonly #live = new LiveConnections();
  readonly #forget: () => void;

  /** @param peer the name that the other end must have */
  constructor(certificates: Certificates, peer: string, onRefused: OnRefused) {
    super();
    this.#certificates = certificates;
    this.#peer = peer;
    this.#onRefused = onRefused;
    this.#forget = certificates.onChange((_, trust) => {
      if (trust) this.#live.cutAll();
    });
  }

  /** Cuts what stands. */
  close(): void {
    this.#forget();
    this.#live.cutAll();
    this.#live.close();
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(
    _target: unknown,
    _options: unknown,
    calls?: CallCredentials,
  ): Connector {
    return {
      connect: async (socket) => ({ socket: await this.#secure(socket), secure: true }),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => calls ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  #secure(socket: Socket): Promise<TLSSocket> {
    const options: ConnectionOptions = {
      socket,
      secureContext: this.#certificates.current.context,
      servername: this.#peer,
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      // Nobody is taken for the peer for that: #refusal asks, and can tell whom it was.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    };
    return new Promise((resolve, reject) => {
      const secured = connect(options);
      const late = setTimeout(() => secured.destroy(new HandshakeLate()), HANDSHAKE_MS);
      secured.once('close', () => {
        clearTimeout(late);
        reject(new Error('the connection was closed in the handshake'));
      });
      secured.on('error', (error) => {
        // Whom it names was told below; before that it is not known.
        if (!(error instanceof Refused)) this.#tell(error);
        reject(error);
      });
      secured.once('secureConnect', () => {
        clearTimeout(late);
        const cert = secured.getPeerX509Certificate();
        const reason = this.#refusal(secured, cert);
        if (reason === undefined && cert !== undefined) {
          this.#live.add(secured, cert);
          resolve(secured);
          return;
        }
        this.#onRefused(reason ?? 'no-certificate', namesOf(cert));
        secured.destroy(new Refused(reason ?? 'no-certificate'));
      });
    });
  }

  #tell(error: Error): void {
    const reason = reasonOf(error);
    if (reason !== undefined) this.#onRefused(reason, '');
  }

  #refusal(socket: TLSSocket, cert: X509Certificate | undefined): RefusalReason | undefined {
    if (cert === undefined) return 'no-certificate';
    if (!socket.authorized) {
      const code = String(socket.authorizationError);
      return chainReason(code, cert, this.#certificates.current) ?? 'handshake';
    }
    if (socket.alpnProtocol !== 'h2') return 'protocol';
    return isNamed(cert, this.#peer) ? undefined : 'wrong-name';
  }
}

class Refused extends Error {}

class HandshakeLate extends Error {
  readonly code = 'ERR_TLS_HANDSHAKE_TIMEOUT';

  constructor() {
    super('the handshake took too long');
  }
}
