/**
 * Keeps the wall as it was built. Notifications of the kernel wake it at once, and twice a second it
 * looks for what nobody tells. What somebody changed is put right from the outside in: the nft
 * tables, then the programs, then the ports. While the tables are in doubt the bridge is shut: it
 * moves nothing between ports, so that even with every layer gone no frame crosses unjudged; what the
 * packet path redirects by itself does not notice.
 */
import type { Logger } from 'pino';
import { type Link, type Links, LinkWatch, mendBridge } from '../../bridge/index.js';
import type { NodeConfig } from '../../config/index.js';
import {
  type AttachMode,
  attachedMode,
  attachTracing,
  type Dataplane,
  type KeepDeps,
  keepAttached,
  Mirror,
  tellFrags,
} from '../../dataplane/index.js';
import type { WallTable } from '../../netfilter/index.js';
import type { Detour } from '../detour.js';
import type { EventSink } from '../event-bus.js';
import { PortGuard, type PortGuardDeps } from './port-guard.js';
import { PortMirror } from './port-mirror.js';
import type { PortTable } from './port-table.js';
import type { GuardedThing, Repair } from './repair.js';
import { TableGuard } from './table-guard.js';

const LOOK_MS = 500;

export interface GuardianDeps {
  readonly config: NodeConfig;
  readonly log: Logger;
  readonly links: Links;
  readonly dataplane: Dataplane;
  readonly table: WallTable;
  readonly ports: PortTable;
  readonly mode: AttachMode;
  readonly bridgeMac: string;
  readonly attach: Pick<KeepDeps, 'pins' | 'keepVlanTags' | 'fragSupport'>;
  readonly settings: PortGuardDeps['settings'];
  readonly events: EventSink;
  readonly detour: Detour;
  /** A link has changed, and the packet path knows. */
  readonly onLinks?: () => void;
}

export class Guardian {
  readonly #deps: GuardianDeps;
  readonly #counts: Record<GuardedThing, number> = {
    table: 0,
    program: 0,
    port: 0,
    bridge: 0,
    detour: 0,
  };
  readonly #keep: KeepDeps;
  readonly #table: TableGuard;
  readonly #ports: PortGuard;
  readonly #mirror: PortMirror;
  readonly #watch: LinkWatch;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #again = false;
  #shut = false;
  #trouble = '';
  #closed = false;

  /** Begins at once. Throws NetlinkError. */
  constructor(deps: GuardianDeps) {
    this.#deps = deps;
    const { links, ports, table, dataplane, config, settings } = deps;
    const tell = (repair: Repair) => this.#tell(repair);
    this.#keep = { ...deps.attach, clearXdp: (port, mode) => links.clearXdp(port, mode) };
    this.#ports = new PortGuard(
      {
        dataplane,
        ports,
        pins: deps.attach.pins,
        bridge: config.bridge.name,
        settings,
        tell,
        onGone: (port) => {
          deps.log.warn({ port }, 'the device of a port is gone');
          deps.events.emit('port-gone', { port });
        },
      },
      deps.bridgeMac,
    );
    this.#mirror = new PortMirror({
      mirror: new Mirror(dataplane),
      ports,
      bridge: config.bridge.name,
      stp: config.bridge.stp === 'kernel',
      events: deps.events,
    });
    this.#table = new TableGuard(table, ports.all, tell, () => {
      void this.#shutBridge();
      this.look();
    });
    this.#watch = new LinkWatch({
      onChange: (link) => {
        this.#mirror.onLink(link);
        deps.onLinks?.();
        this.look();
      },
      onPortState: (notice) => {
        this.#mirror.onState(notice);
        if (ports.nameOf(notice.ifindex) !== '') this.look();
      },
      onGone: () => {
        deps.onLinks?.();
        this.look();
      },
      onLost: () => this.look(),
      onFilters: (ifindex) => {
        if (ports.nameOf(ifindex) !== '') this.look();
      },
    });
    this.look();
  }

  /** How often each layer was put right. */
  get counts(): Readonly<Record<GuardedThing, number>> {
    return this.#counts;
  }

  /** To be called right before this node of a pair becomes active. */
  onTakeover(): void {
    this.#mirror.onTakeover();
  }

  /** Looks at everything now, or once more as soon as the look that is under way has ended. */
  look(): void {
    if (this.#closed) return;
    if (this.#looking !== null) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#again = false;
    this.#looking = this.#inspect().then(
      () => this.#looked(''),
      (error: unknown) => this.#looked(error instanceof Error ? error.message : String(error)),
    );
  }

  /** Ends the guard; what it guards stays. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#watch.close();
    await this.#looking;
    this.#table.close();
  }

  #looked(trouble: string): void {
    this.#looking = null;
    if (trouble !== this.#trouble && trouble !== '') {
      this.#deps.log.error({ error: trouble }, 'the wall cannot be put right; trying on');
    }
    this.#trouble = trouble;
    if (this.#closed) return;
    if (this.#again && trouble === '') this.look();
    else this.#timer = setTimeout(() => this.look(), LOOK_MS);
  }

  async #inspect(): Promise<void> {
    const { links, config } = this.#deps;
    const listing = this.#mirror.begin();
    // Asked side by side: a wall at rest wakes once for both answers.
    const number = this.#table.number();
    // What it fails with is told below, after what the links say has been heeded.
    number.catch(() => {});
    let all = await links.list();
    const present = this.#ports.check(all);
    this.#mirror.take(listing, all);
    await this.#table.check(present, await number, () => this.#shutBridge());
    const { covered, failed } = await this.#keepPrograms(present);
    if (this.#shut) {
      if (this.#table.touched) return this.look();
      await this.#openBridge();
      all = await links.list();
    }
    const names = new Set(covered.map((link) => link.name));
    const now = all.filter((link) => names.has(link.name));
    for (const { link, what } of await mendBridge(links, config.bridge, all, now)) {
      this.#tell({ thing: 'bridge', port: link, what, by: '' });
    }
    for (const what of await this.#deps.detour.look()) {
      this.#tell({ thing: 'detour', port: '', what, by: '' });
    }
    if (failed !== undefined) throw failed;
  }

  /** A port that cannot have its programs must not stand in the way of the others. */
  async #keepPrograms(present: readonly Link[]): Promise<{ covered: Link[]; failed: unknown }> {
    const { mode, dataplane, ports } = this.#deps;
    for (const program of attachTracing(dataplane, this.#keep.pins)) {
      this.#tell({ thing: 'program', port: '', what: `${program} was off`, by: '' });
    }
    const covered: Link[] = [];
    let failed: unknown;
    for (const link of present) {
      const port = ports.all.find((each) => each.name === link.name)!;
      try {
        for (const program of await keepAttached(dataplane, port, mode, this.#keep)) {
          const what = `its ${program} program was off`;
          this.#tell({ thing: 'program', port: link.name, what, by: '' });
        }
        covered.push(link);
      } catch (error) {
        failed ??= error;
        // A driver that refuses XDP leaves its frames to tc, which judges them all.
        if (mode !== 'tc' && attachedMode(dataplane, port.ifindex) === 'tc') covered.push(link);
      }
    }
    if (mode === 'xdp') {
      const there = ports.all.filter(({ name }) => present.some((link) => link.name === name));
      await tellFrags(dataplane, there, this.#keep);
    }
    return { covered, failed };
  }

  /** The bridge moves nothing between its ports until it is opened again. */
  async #shutBridge(): Promise<void> {
    this.#shut = true;
    await Promise.allSettled(this.#deps.ports.all.map((port) => this.#deps.links.shutPort(port)));
  }

  async #openBridge(): Promise<void> {
    this.#shut = false;
    await Promise.allSettled(
      this.#deps.ports.all.map((port) => this.#deps.links.setFloodPort(port)),
    );
  }

  #tell(repair: Repair): void {
    this.#counts[repair.thing] += 1;
    const { thing, what, ...rest } = repair;
    this.#deps.log.warn({ repaired: thing, ...rest }, what);
    this.#deps.events.emit('repaired', { ...repair });
  }
}
