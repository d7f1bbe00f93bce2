/** The node's certificates while it runs: read again when their files change. */
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { TlsConfig } from '../../control/config/index.js';
import type { EventSink } from '../../control/daemon/event-bus.js';
import { Serial } from '../../control/dataplane/serial.js';
import { type Material, readMaterial } from './material.js';
import { namesOf } from './names.js';

/** Files that belong together are replaced one after the other. */
const SETTLE_MS = 200;
/** Links into other directories, and directories that are replaced, are not seen by watching. */
const LOOK_MS = 60_000;
const DAY_MS = 86_400_000;
const WARN_DAYS = 30;

/** Told of new certificates; `trust`: what is believed changed, not only what is shown. */
export type CertificateListener = (material: Material, trust: boolean) => void;

export class Certificates {
  readonly #tls: TlsConfig;
  readonly #node: string | null;
  readonly #events: EventSink;
  readonly #listeners = new Set<CertificateListener>();
  readonly #watchers: FSWatcher[] = [];
  readonly #reading = new Serial();
  readonly #look: NodeJS.Timeout;
  #settling: NodeJS.Timeout | undefined;
  #material: Material;
  /** Why the files of now are not used, or ''. */
  #trouble = '';
  #warned = 0;

  private constructor(tls: TlsConfig, node: string | null, material: Material, events: EventSink) {
    this.#tls = tls;
    this.#node = node;
    this.#events = events;
    this.#material = material;
    for (const directory of new Set(filesOf(tls).map((file) => dirname(file)))) {
      const watcher = watch(directory, { persistent: false }, () => this.#settle());
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    }
    this.#look = setInterval(() => void this.reload(), LOOK_MS).unref();
  }

  /**
   * Reads the files, and does so again whenever they change, until `close`.
   *
   * @param node the name that the certificate must have, or null
   * @throws ChannelError `ECERTIFICATE`
   */
  static async open(tls: TlsConfig, node: string | null, events: EventSink): Promise<Certificates> {
    return new Certificates(tls, node, await readMaterial(tls, node), events);
  }

  /** What holds now. */
  get current(): Material {
    return this.#material;
  }

  /** Calls back for all that comes; returns the way to stop it. */
  onChange(listener: CertificateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the files now. What is not usable is told of, and what held before goes on. */
  reload(): Promise<void> {
    return this.#reading.run(async () => {
      try {
        this.#take(await readMaterial(this.#tls, this.#node));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (why !== this.#trouble) this.#events.emit('certificates-refused', { why });
        this.#trouble = why;
      }
      this.#warn();
    });
  }

  close(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    clearInterval(this.#look);
    clearTimeout(this.#settling);
    this.#listeners.clear();
  }

  #settle(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.reload(), SETTLE_MS).unref();
  }

  #take(material: Material): void {
    this.#trouble = '';
    const before = this.#material;
    if (material.all === before.all) return;
    this.#material = material;
    this.#warned = 0;
    const { own } = material;
    const expires = new Date(own.validTo).toISOString();
    this.#events.emit('certificates-loaded', {
      name: namesOf(own),
      serial: own.serialNumber,
      expires,
    });
    for (const listener of this.#listeners) listener(material, material.trust !== before.trust);
  }

  /** Once a day, from a month before it is too late. */
  #warn(): void {
    const { own } = this.#material;
    const now = Date.now();
    const days = Math.floor((Date.parse(own.validTo) - now) / DAY_MS);
    if (days >= WARN_DAYS || now - this.#warned < DAY_MS) return;
    this.#warned = now;
    this.#events.emit('certificate-expires', { name: namesOf(own), days });
  }
}

function filesOf({ ca, cert, key, crl }: TlsConfig): string[] {
  return crl === null ? [ca, cert, key] : [ca, cert, key, crl];
}
