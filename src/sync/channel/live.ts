/** Connections that stand, and how long they may. */
import type { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';

const LOOK_MS = 30_000;

/** Cuts connections whose certificate has expired, and all of them when what is believed changed. */
export class LiveConnections {
  readonly #until = new Map<Duplex, number>();
  readonly #look: NodeJS.Timeout;

  constructor() {
    this.#look = setInterval(() => this.cutExpired(Date.now()), LOOK_MS).unref();
  }

  get size(): number {
    return this.#until.size;
  }

  add(socket: Duplex, cert: X509Certificate): void {
    this.#until.set(socket, Date.parse(cert.validTo));
    socket.once('close', () => this.#until.delete(socket));
  }

  /** @param now milliseconds since 1970 */
  cutExpired(now: number): void {
    for (const [socket, until] of this.#until) if (until < now) socket.destroy();
  }

  cutAll(): void {
    for (const socket of this.#until.keys()) socket.destroy();
  }

  close(): void {
    clearInterval(this.#look);
  }
}
