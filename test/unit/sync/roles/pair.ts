/**
 * Two nodes, three paths and a clock, without a kernel: the machine of each, a packet path that answers
 * probes and yields by itself, and all that can break between them. One tick is one probe interval.
 */
import {
  type Announcement,
  type Decision,
  outranks,
  PATHS,
  type Path,
  PROBE_MS,
  RoleMachine,
  type RoleOrder,
  type RoleSettings,
  SEGMENTS,
  type Segment,
  type View,
} from '../../../../src/sync/roles/index.js';

export type Name = 'a' | 'b';
export type Traffic = 'none' | 'broadcast' | 'unicast';
/** The packet path holds a daemon for dead that has said nothing for so long. */
const UNATTENDED_MS = 100;

interface Heard {
  met: boolean;
  at: number;
  said: Announcement | null;
}

function unheard(): Record<Path, Heard> {
  const none = () => ({ met: false, at: 0, said: null });
  return { uplink: none(), inside: none(), sync: none() };
}

export class Node {
  readonly name: Name;
  readonly settings: RoleSettings;
  machine: RoleMachine;
  /** The packet path: null: a machine without power. */
  word: { standby: boolean; epoch: number };
  power = true;
  daemon: 'runs' | 'stopped' | 'dead' = 'runs';
  /** What a port takes in and sends out, without its carrier saying so. */
  readonly takes: Record<Segment, boolean> = { uplink: true, inside: true };
  readonly sends: Record<Segment, boolean> = { uplink: true, inside: true };
  readonly carrier: Record<Segment, boolean> = { uplink: true, inside: true };
  ready = true;
  heard = unheard();
  quiet: Record<Segment, number> = { uplink: 5000, inside: 5000 };
  stored = 0;
  /** What the external manager said last. */
  order: RoleOrder | null = null;
  life = 1n;
  spoke = 0;
  awake = 0;
  announce: Pick<Announcement, 'ready' | 'fault' | 'yielding'> = {
    ready: false,
    fault: false,
    yielding: false,
  };
  last: Decision | null = null;
  /** How often it told neighbours that MACs are here, apart from its takeovers. */
  told = 0;

  constructor(name: Name, settings: RoleSettings) {
    this.name = name;
    this.settings = settings;
    this.word = { standby: true, epoch: 0 };
    this.machine = new RoleMachine(settings, 0);
  }

  get active(): boolean {
    return this.power && !this.word.standby;
  }

  /** Frames that come in here on one side can go out on the other. */
  get sound(): boolean {
    return (
      this.power &&
      SEGMENTS.every((side) => this.takes[side] && this.sends[side] && this.carrier[side])
    );
  }

  startDaemon(now: number): void {
    this.daemon = 'runs';
    this.life += 1n;
    this.machine = new RoleMachine(this.settings, this.stored, this.order);
    // An active node stays what it is, unless it shall not.
    if (!this.word.standby) this.order ??= 'active';
    this.heard = unheard();
    this.awake = now;
    this.announce = { ready: false, fault: false, yielding: false };
  }

  resume(now: number): void {
    if (this.daemon === 'stopped') this.daemon = 'runs';
    this.awake = now;
  }

  /** Comes up with nothing but what is on its disk. */
  boot(now: number): void {
    this.power = true;
    this.order = null;
    this.word = { standby: true, epoch: 0 };
    this.spoke = now;
    this.startDaemon(now);
  }
}

export class Pair {
  readonly a: Node;
  readonly b: Node;
  now = 100_000;
  /** What crosses the sync link, by who says it. */
  readonly sync: Record<Name, boolean> = { a: true, b: true };
  traffic: Record<Segment, Traffic> = { uplink: 'unicast', inside: 'unicast' };
  /** Milliseconds for which both were active and a frame could go round. */
  looping = 0;
  longestLoop = 0;
  /** ... with both daemons at work. */
  longestAttendedLoop = 0;
  /** Milliseconds since a node passed traffic, while one could have. */
  dark = 0;
  longestDark = 0;

  constructor(a: Partial<RoleSettings> = {}, b: Partial<RoleSettings> = {}) {
    const settings = { priority: 100, preempt: false, external: false };
    this.a = new Node('a', { ...settings, first: true, ...a });
    this.b = new Node('b', { ...settings, first: false, ...b });
  }

  get nodes(): readonly Node[] {
    return [this.a, this.b];
  }

  other(node: Node): Node {
    return node === this.a ? this.b : this.a;
  }

  get activeNode(): Node | null {
    const active = this.nodes.filter((node) => node.active);
    return active.length === 1 ? active[0]! : null;
  }

  /** @param late whose JavaScript does not get to it in this tick */
  tick(late: readonly Name[] = []): void {
    this.now += PROBE_MS;
    for (const node of this.nodes) this.#hearTraffic(node);
    for (const node of this.nodes) this.#probe(node);
    for (const node of this.nodes) {
      if (node.power && node.daemon === 'runs' && !late.includes(node.name)) this.step(node);
    }
    this.#measure();
  }

  run(ms: number): void {
    for (let left = ms; left > 0; left -= PROBE_MS) this.tick();
  }

  step(node: Node): void {
    const decision = node.machine.step(this.view(node));
    node.last = decision;
    if (decision.outlasted) node.told++;
    node.announce = decision.announce;
    node.word = { ...decision.word };
    node.stored = node.machine.highest;
  }

  view(node: Node): View {
    const path = (name: Path) => {
      const { met, at, said } = node.heard[name];
      return { met, said, silentFor: this.now - Math.max(at, node.awake) };
    };
    return {
      now: this.now,
      word: node.word,
      links: node.carrier,
      quiet: node.quiet,
      paths: { uplink: path('uplink'), inside: path('inside'), sync: path('sync') },
      ready: node.ready,
      paired: true,
      strangers: false,
      connected:
        this.sync.a &&
        this.sync.b &&
        this.nodes.every(({ daemon, power }) => power && daemon === 'runs'),
    };
  }

  /** A frame of that segment gets from one node to the other. */
  connected(from: Node, to: Node, segment: Segment): boolean {
    return (
      from.power &&
      to.power &&
      from.sends[segment] &&
      to.takes[segment] &&
      from.carrier[segment] &&
      to.carrier[segment]
    );
  }

  get canLoop(): boolean {
    const { a, b } = this;
    return (
      (this.connected(a, b, 'uplink') && this.connected(b, a, 'inside')) ||
      (this.connected(b, a, 'uplink') && this.connected(a, b, 'inside'))
    );
  }

  #attended(node: Node): boolean {
    return this.now - node.spoke <= UNATTENDED_MS;
  }

  #says(node: Node): Announcement {
    const hears = Object.fromEntries(
      PATHS.map((path) => {
        const { met, at } = node.heard[path];
        return [path, met && this.now - Math.max(at, node.awake) <= 40];
      }),
    ) as Record<Path, boolean>;
    return {
      life: node.life,
      standby: node.word.standby,
      epoch: node.word.epoch,
      priority: node.settings.priority,
      ...node.announce,
      attended: this.#attended(node),
      quiet: { ...node.quiet },
      hears,
    };
  }

  #probe(node: Node): void {
    const other = this.other(node);
    if (!node.power || node.daemon !== 'runs') return;
    node.spoke = this.now;
    for (const segment of SEGMENTS) {
      if (!this.connected(node, other, segment)) continue;
      this.#deliver(other, segment, this.#says(node));
      if (this.connected(other, node, segment)) this.#deliver(node, segment, this.#says(other));
    }
    if (this.sync[node.name] && other.power && other.daemon === 'runs') {
      this.#deliver(other, 'sync', this.#says(node));
    }
  }

  /** As bpf/probe.h has it. */
  #deliver(to: Node, path: Path, said: Announcement): void {
    to.heard[path] = { met: true, at: this.now, said };
    if (path === 'sync' || said.standby || to.word.standby) return;
    const own = {
      attended: this.#attended(to),
      epoch: to.word.epoch,
      priority: to.settings.priority,
    };
    if (outranks(said, own, !to.settings.first)) to.word = { ...to.word, standby: true };
  }

  #hearTraffic(node: Node): void {
    for (const segment of SEGMENTS) {
      const traffic = this.traffic[segment];
      const hears =
        node.power &&
        node.takes[segment] &&
        node.carrier[segment] &&
        (traffic === 'broadcast' || (traffic === 'unicast' && node.active));
      node.quiet[segment] = hears ? 0 : node.quiet[segment] + PROBE_MS;
    }
  }

  #measure(): void {
    const { a, b } = this;
    this.looping = a.active && b.active && this.canLoop ? this.looping + PROBE_MS : 0;
    this.longestLoop = Math.max(this.longestLoop, this.looping);
    if (this.nodes.every((node) => node.daemon === 'runs')) {
      this.longestAttendedLoop = Math.max(this.longestAttendedLoop, this.looping);
    }
    const could = this.nodes.some((node) => node.sound && node.daemon === 'runs');
    const does = this.nodes.some((node) => node.sound && node.active);
    this.dark = could && !does ? this.dark + PROBE_MS : 0;
    this.longestDark = Math.max(this.longestDark, this.dark);
  }
}
