/**
 * The nft tables: looked at when the ruleset of the namespace has another number than when they were
 * last seen whole, which costs one small question, and loaded anew when they are not what was loaded.
 */
import type { Link } from '../../bridge/index.js';
import { Ruleset, RulesetWatch, type WallTable } from '../../netfilter/index.js';
import type { TellRepair } from './repair.js';

export class TableGuard {
  readonly #table: WallTable;
  readonly #tell: TellRepair;
  readonly #ruleset = new Ruleset();
  readonly #watch: RulesetWatch;
  /** Devices that the tables were loaded for. */
  #devices: string;
  /** Number of the ruleset in which the tables were last seen to be whole. */
  #seen: number;
  #touched = false;
  #by = '';

  /** @param onTouched called at once when somebody else changes the tables */
  constructor(
    table: WallTable,
    ports: readonly { readonly name: string; readonly ifindex: number }[],
    tell: TellRepair,
    onTouched: () => void,
  ) {
    this.#table = table;
    this.#tell = tell;
    this.#devices = devicesOf(ports);
    this.#seen = table.number;
    this.#watch = new RulesetWatch(table.node, {
      onTouched: (number) => {
        if (!isLater(number, table.number)) return;
        this.#touched = true;
        onTouched();
      },
      onTransaction: (number, by) => {
        if (this.#touched && isLater(number, table.number)) this.#by = by;
      },
    });
  }

  /** True: the tables were touched since they were last seen whole. */
  get touched(): boolean {
    return this.#touched;
  }

  /** Number of the ruleset now, for {@link check}. */
  number(): Promise<number> {
    return this.#ruleset.number();
  }

  /**
   * `shut` is called before anything is done about a table that is not whole.
   * @param number of the ruleset, asked for a moment ago
   */
  async check(ports: readonly Link[], number: number, shut: () => Promise<void>): Promise<void> {
    const devices = devicesOf(ports);
    if (devices !== this.#devices) {
      await this.#restore(ports);
      this.#devices = devices;
      return;
    }
    if (number === this.#seen && !this.#touched) return;
    this.#touched = false;
    if (await this.#table.isIntact()) {
      this.#seen = number;
      return;
    }
    this.#touched = true;
    await shut();
    await this.#restore(ports);
    this.#tell({ thing: 'table', port: '', what: 'the nft tables were changed', by: this.#by });
    this.#by = '';
  }

  close(): void {
    this.#watch.close();
    this.#ruleset.close();
  }

  async #restore(ports: readonly Link[]): Promise<void> {
    await this.#table.restore(ports.map((port) => port.name));
    this.#seen = this.#table.number;
    this.#touched = false;
  }
}

function devicesOf(ports: readonly { readonly name: string; readonly ifindex: number }[]): string {
  return ports.map((port) => `${port.name} ${port.ifindex}`).join(', ');
}

/** Whether a ruleset's number, of which only 16 bits may be known, comes after another. */
function isLater(number: number, than: number): boolean {
  return ((number - than) << 16) >> 16 > 0;
}
