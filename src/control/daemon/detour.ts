/**
 * The detour of connections whose rules say `helper` or `inspect`: side bridge, tables and programs. It
 * is built when a policy first asks for it and stays until the wall is taken down; from then on the
 * guardian has it looked after like the wall itself. What is missing of it stops such connections and
 * opens nothing.
 */
import { type Links, raiseSideBridge, type SideBridge, sideNames } from '../bridge/index.js';
import type { NodeConfig } from '../config/index.js';
import {
  type Dataplane,
  DataplaneError,
  openDetour,
  type PinSet,
  Serial,
} from '../dataplane/index.js';
import { Ruleset, SideTable } from '../netfilter/index.js';
import { HELPERS, type Plan } from '../policy/index.js';

export interface DetourDeps {
  readonly config: NodeConfig;
  readonly links: Links;
  readonly dataplane: Dataplane;
  readonly pins: PinSet;
}

export class Detour {
  readonly #deps: DetourDeps;
  readonly #serial = new Serial();
  readonly #table: SideTable;
  readonly #ruleset = new Ruleset();
  #wanted = false;
  /** Devices that the programs are on, and number of the ruleset in which the tables were whole. */
  #side: SideBridge | null = null;
  #seen: number | null = null;

  constructor(deps: DetourDeps) {
    this.#deps = deps;
    const { node, inspect } = deps.config;
    const { bridge, in: entry } = sideNames(node);
    const { queue } = inspect;
    this.#table = new SideTable({ node, bridge, in: entry, queue, helpers: HELPERS });
  }

  /** Sees to it that there is one before a policy judges that asks for it. @throws DataplaneError */
  async prepare({ rules }: Plan): Promise<void> {
    if (!rules.columns.options.some(({ detour }) => detour !== 0)) return;
    this.#wanted = true;
    try {
      await this.look();
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      const what = 'the way through netfilter for `helper` and `inspect` cannot be built';
      throw new DataplaneError('install', `${what}: ${words}`, { cause: error });
    }
  }

  /** Puts right what is missing, if there is to be a detour. Resolves with what it was. */
  look(): Promise<string[]> {
    return this.#serial.run(async () => (this.#wanted ? await this.#mend() : []));
  }

  close(): void {
    this.#ruleset.close();
  }

  async #mend(): Promise<string[]> {
    const { config, links, dataplane, pins } = this.#deps;
    const mended: string[] = [];
    const bridge = await links.find(config.bridge.name);
    if (bridge === undefined) return [];
    const number = await this.#ruleset.number();
    if (number !== this.#seen) {
      if (this.#seen === null || !(await this.#table.isIntact())) {
        if (this.#seen !== null) mended.push('the nft tables of the detour were changed');
        await this.#table.load();
      }
      this.#seen = await this.#ruleset.number();
    }
    if (!(await this.#stands())) {
      if (this.#side !== null) mended.push('the side bridge was not whole');
      this.#side = await raiseSideBridge(links, config.node);
    }
    const place = { in: this.#side!.in, out: this.#side!.out, bridge: bridge.ifindex };
    const fresh = this.#seen === null || mended.length > 0;
    const attached = openDetour(dataplane, place, pins);
    return fresh ? mended : [...mended, ...attached.map((name) => `${name} was off`)];
  }

  /** Are its devices where they were, in their bridge and up? */
  async #stands(): Promise<boolean> {
    const side = this.#side;
    if (side === null) return false;
    const all = new Map((await this.#deps.links.list()).map((link) => [link.ifindex, link]));
    const open = (ifindex: number) => {
      const port = all.get(ifindex);
      return port?.master === side.bridge && port.portState === 'forwarding';
    };
    return all.get(side.bridge)?.up === true && open(side.in) && open(side.out);
  }
}
