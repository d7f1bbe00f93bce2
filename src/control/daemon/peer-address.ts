/** Where the other node is. A name may not be known yet, or get another address: it is asked for again and again. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

const LOOK_MS = 10_000;

/** Resolves to the addresses of a name; none: it is not known now. */
export type Resolve = (name: string, family: number) => Promise<readonly string[]>;

const resolveName: Resolve = async (name, family) => {
  const found = await lookup(name, { family, all: true }).catch(() => []);
  return found.map(({ address }) => address);
};

export class PeerAddress {
  readonly #host: string;
  readonly #family: number;
  readonly #resolve: Resolve;
  #current: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #closed = false;

  private constructor(host: string, family: number, resolve: Resolve) {
    this.#host = host;
    this.#family = family;
    this.#resolve = resolve;
  }

  /** @param listen own address: that of the other node is of the same family */
  static async find(host: string, listen: string, resolve = resolveName): Promise<PeerAddress> {
    const address = new PeerAddress(host, isIP(listen), resolve);
    address.#current = (await resolve(host, address.#family))[0] ?? null;
    return address;
  }

  /** Null: nobody knows it. */
  get current(): string | null {
    return this.#current;
  }

  /** Calls back with every other address from now on. What is a number stays it. */
  follow(onChange: (address: string) => void): void {
    if (isIP(this.#host) !== 0 || this.#closed) return;
    this.#timer = setInterval(() => void this.#look(onChange), LOOK_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #look(onChange: (address: string) => void): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const found = await this.#resolve(this.#host, this.#family);
    this.#looking = false;
    const [first] = found;
    // A nameserver that does not answer says nothing of where the other node is. Of several addresses it may
    // name another one first each time: the one that is in use goes on.
    if (this.#closed || first === undefined || found.includes(this.#current ?? '')) return;
    this.#current = first;
    onChange(first);
  }
}
