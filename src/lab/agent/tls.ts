/**
 * TLS without certificates: both ends know one key (PSK), which is enough for real TLS records and a
 * real handshake to cross the wall.
 */
import type { Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { ServiceKind } from './protocol.js';

const KEY = Buffer.from('62726964676577616c6c2d6c61622d6b', 'hex');
const IDENTITY = 'lab';
const SUITE = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;

/** A TLS server that hands each finished session to `onSession`. */
export function tlsServer(onSession: (socket: TLSSocket) => void): Server {
  return createServer(
    { ...SUITE, pskCallback: (_socket, identity) => (identity === IDENTITY ? KEY : null) },
    onSession,
  );
}

/** Speaks TLS as a client over a connected socket; resolves once the handshake is done. */
export function tlsClient(socket: Socket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const session = connect({
      socket,
      ...SUITE,
      pskCallback: () => ({ psk: KEY, identity: IDENTITY }),
      // There is no certificate whose name could be checked.
      checkServerIdentity: () => undefined,
    });
    session.once('secureConnect', () => resolve(session));
    session.once('error', reject);
  });
}

/** The protocol inside of TLS, when there is TLS. */
export function undress(kind: ServiceKind): { kind: ServiceKind; secure: boolean } {
  switch (kind) {
    case 'smtps':
      return { kind: 'smtp', secure: true };
    case 'https':
      return { kind: 'http', secure: true };
    case 'ldaps':
      return { kind: 'ldap', secure: true };
    case 'imaps':
      return { kind: 'imap', secure: true };
    default:
      return { kind, secure: false };
  }
}
