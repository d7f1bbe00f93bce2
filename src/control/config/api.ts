/** `api` of the node file: the socket, and for those who are elsewhere a listener with TLS. */
import { type Endpoint, isDnsName, listenAddress } from './endpoint.js';
import type { Located } from './located.js';
import { fileBeside, socketPath } from './values.js';

/** Files of the listener, absolute, all of them PEM. */
export interface TlsConfig {
  /** Certificates of those who vouch for others. */
  readonly ca: string;
  /** The node's own certificate, with those between it and the CA, if any. */
  readonly cert: string;
  readonly key: string;
  /** What the CA has taken back; null: nothing is looked up. */
  readonly crl: string | null;
}

export interface ApiConfig {
  readonly socket: string;
  /** null: nobody but the socket. */
  readonly listen: Endpoint | null;
  /** Never null with `listen`. */
  readonly tls: TlsConfig | null;
  /** Names of those who may read over the network; null: whoever has a certificate of the CA. */
  readonly clients: readonly string[] | null;
}

/** Reads `api`; `file` is the node file, `node` its name. Throws ConfigError. */
export function readApi(value: Located | undefined, node: string, file: string): ApiConfig {
  const map = value?.mapping(['socket', 'listen', 'tls', 'clients']);
  const socket = map?.get('socket');
  const listen = map?.get('listen');
  const tls = map?.get('tls');
  const clients = map?.get('clients');
  if (listen !== undefined && tls === undefined) {
    throw listen.error(
      'missing',
      `${listen.name} needs api.tls`,
      'tls: {ca: ca.pem, cert: fw1.pem, key: fw1.key}; bwctl ha init makes them',
    );
  }
  const idle = listen === undefined ? (tls ?? clients) : undefined;
  if (idle !== undefined) {
    throw idle.error(
      'missing',
      `${idle.name} needs api.listen`,
      'for example listen: 10.99.0.1:7443',
    );
  }
  return {
    socket: socket ? socketPath(socket) : `/run/bridgewall/${node}.sock`,
    listen: listen ? listenAddress(listen) : null,
    tls: tls ? readTls(tls, file) : null,
    clients: clients ? readClients(clients) : null,
  };
}

function readTls(value: Located, file: string): TlsConfig {
  const map = value.mapping(['ca', 'cert', 'key', 'crl']);
  const crl = map.get('crl');
  return {
    ca: fileBeside(map.require('ca', 'ca: ca.pem'), file),
    cert: fileBeside(map.require('cert', 'cert: fw1.pem'), file),
    key: fileBeside(map.require('key', 'key: fw1.key'), file),
    crl: crl ? fileBeside(crl, file) : null,
  };
}

function readClients(value: Located): string[] {
  const seen = new Set<string>();
  for (const item of value.list()) {
    const name = item.string();
    if (!isDnsName(name)) {
      throw item.error(
        'invalid',
        `${item.name}: ${JSON.stringify(name)} is no DNS name`,
        'write it as in subjectAltName of the certificate',
      );
    }
    if (seen.has(name)) throw item.error('duplicate', `client ${name} is named twice`);
    seen.add(name);
  }
  return [...seen];
}
