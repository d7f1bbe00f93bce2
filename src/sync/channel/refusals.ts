/** Who was not let in and why: one event each, and a flood of them is one with its number. */
import type { EventSink } from '../../control/daemon/event-bus.js';

/** Why a connection between nodes did not come about, or a call on it was refused. */
export type RefusalReason =
  | 'no-certificate'
  | 'unknown-ca'
  | 'wrong-name'
  | 'expired'
  | 'not-yet-valid'
  | 'revoked'
  /** No list of revocations of that CA, or one that is out of date. */
  | 'no-crl'
  | 'wrong-purpose'
  /** TLS older than 1.3. */
  | 'tls-version'
  | 'not-tls'
  /** Not HTTP/2. */
  | 'protocol'
  /** The other end did not like what it saw. */
  | 'alert'
  | 'timeout'
  | 'too-many'
  | 'handshake'
  /** Let in, but not for that. */
  | 'not-the-peer'
  | 'not-a-reader';

const BY_CODE: Readonly<Record<string, RefusalReason>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  CERT_REVOKED: 'revoked',
  UNABLE_TO_GET_CRL: 'no-crl',
  CRL_HAS_EXPIRED: 'no-crl',
  CRL_NOT_YET_VALID: 'no-crl',
  INVALID_PURPOSE: 'wrong-purpose',
  INVALID_CA: 'unknown-ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown-ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown-ca',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown-ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown-ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown-ca',
  CERT_SIGNATURE_FAILURE: 'unknown-ca',
  CERT_UNTRUSTED: 'unknown-ca',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong-name',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls-version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'tls-version',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not-tls',
  ERR_SSL_HTTP_REQUEST: 'not-tls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'not-tls',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'protocol',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'timeout',
};

/** The reason for an error of Node's TLS; undefined when the other end only hung up. */
export function reasonOf(error: unknown): RefusalReason | undefined {
  const code = typeof error === 'string' ? error : (error as NodeJS.ErrnoException)?.code;
  if (code === undefined || code === 'ECONNRESET' || code === 'EPIPE') return undefined;
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  return code.includes('_ALERT_') ? 'alert' : 'handshake';
}

interface Told {
  /** Since the last event. */
  count: number;
  name: string;
  readonly timer: NodeJS.Timeout;
}

const OTHERS = 'others';

export class Refusals {
  readonly #events: EventSink;
  readonly #everyMs: number;
  readonly #most: number;
  readonly #told = new Map<string, Told>();

  /** @param limits an event per address and reason each `everyMs`; beyond `most` of them, one for all */
  constructor(events: EventSink, { everyMs = 10_000, most = 64 } = {}) {
    this.#events = events;
    this.#everyMs = everyMs;
    this.#most = most;
  }

  /** @param name what the certificate says, or '' */
  tell(remote: string, reason: RefusalReason, name = ''): void {
    const own = `${reason} ${remote}`;
    const room = this.#told.has(own) || this.#told.size < this.#most;
    const [key, who] = room ? [own, remote] : [`${reason} ${OTHERS}`, OTHERS];
    const told = this.#told.get(key);
    if (told !== undefined) {
      told.count++;
      told.name = name;
      return;
    }
    this.#events.emit('peer-refused', { remote: who, name, reason, count: 1 });
    const timer = setInterval(() => this.#sum(key, who, reason), this.#everyMs).unref();
    this.#told.set(key, { count: 0, name, timer });
  }

  /** Tells what was not told yet. */
  close(): void {
    for (const [key, { timer }] of this.#told) {
      const at = key.indexOf(' ');
      this.#sum(key, key.slice(at + 1), key.slice(0, at) as RefusalReason);
      clearInterval(timer);
    }
    this.#told.clear();
  }

  #sum(key: string, remote: string, reason: RefusalReason): void {
    const told = this.#told.get(key);
    if (told === undefined) return;
    const { count, name, timer } = told;
    if (count > 0) {
      this.#events.emit('peer-refused', { remote, name, reason, count });
      told.count = 0;
    } else {
      clearInterval(timer);
      this.#told.delete(key);
    }
  }
}
