/**
 * A pair without anything but the kernel: a Linux bridge in each node, and the spanning tree of 802.1D (1998) between
 * them and both switches. The first node is the root, so the second one blocks its port to the inside.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab, Namespace } from '../../../src/lab/netns.js';
import {
  DEVICES,
  NODES,
  type NodeName,
  otherOf,
  PairNet,
  type Segment,
} from '../../../src/lab/pair/pair-net.js';
import type { Redundant } from '../../../src/lab/pair/redundant.js';

/** Seconds. All bridges have the same: those of the root count. */
export interface StpTimers {
  readonly hello: number;
  readonly maxAge: number;
  readonly forwardDelay: number;
}

/** Those of the standard and of the kernel, which the seed kept. */
export const DEFAULT_TIMERS: StpTimers = { hello: 2, maxAge: 20, forwardDelay: 15 };
/** The least that the kernel takes; less than 802.1D allows: twice (forward delay - 1 s) is to be max age or more. */
export const LEAST_TIMERS: StpTimers = { hello: 1, maxAge: 6, forwardDelay: 2 };

const SIDES = ['uplink', 'inside'] as const satisfies readonly Segment[];
const SWITCH_PRIORITY = 15;
/** What a takeover takes off: a bridge's priority is a multiple of 4096 for the kernel. */
const FIRST_PRIORITY: Readonly<Record<NodeName, number>> = { fw1: 13, fw2: 14 };
const LOOK_MS = 250;
/** The tree is at rest when nothing changed for longer than a hello and than the kernel is late with a carrier. */
const STILL_MS = 4000;
const WITHIN_MS = 150_000;

interface PortLine {
  readonly ifname: string;
  readonly operstate: string;
  readonly linkinfo: { readonly info_slave_data: { readonly state: string } };
}

type NoLine = Record<string, never>;
const isPort = (line: PortLine | NoLine): line is PortLine => 'linkinfo' in line;

/** State of every port of the tree, `fw1 up0` style. */
type Tree = ReadonlyMap<string, string>;

export class KernelStp implements Redundant {
  readonly net: PairNet;
  readonly #priority = { ...FIRST_PRIORITY };

  private constructor(net: PairNet) {
    this.net = net;
  }

  /** Makes the bridges; the tree grows from now on. */
  static async build(lab: Lab, timers: StpTimers): Promise<KernelStp> {
    const net = await PairNet.build(lab);
    for (const segment of SIDES) spanningTree(net.switches[segment], 'sw', SWITCH_PRIORITY, timers);
    for (const node of NODES) {
      const space = net.nodes[node];
      space.ip('link', 'add', 'br0', 'type', 'bridge');
      spanningTree(space, 'br0', FIRST_PRIORITY[node], timers);
      for (const segment of SIDES) space.ip('link', 'set', DEVICES[segment], 'master', 'br0');
      space.ip('link', 'set', 'br0', 'up');
    }
    return new KernelStp(net);
  }

  async settled(withinMs = WITHIN_MS): Promise<NodeName> {
    const deadline = Date.now() + withinMs;
    let [seen, since] = ['', Date.now()];
    while (Date.now() < deadline) {
      const tree = await this.#tree();
      const now = [...tree].join(' ');
      if (now !== seen) [seen, since] = [now, Date.now()];
      const active = whoCarries(tree);
      if (active !== null && Date.now() - since > STILL_MS) return active;
      await pause(LOOK_MS);
    }
    throw new Error(`the tree does not settle: ${seen}`);
  }

  async becomes(node: NodeName, withinMs = WITHIN_MS): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!carries(await this.#tree(), node)) {
      if (Date.now() > deadline) throw new Error(`${node} does not forward`);
      await pause(LOOK_MS);
    }
  }

  /** Makes it the root: its path is the shorter one then. Ports that were blocked listen and learn first. */
  async takeOver(node: NodeName): Promise<void> {
    // Never the other one less: what a root says that has become worse counts only when the old word has aged out.
    const priority = this.#priority[otherOf(node)] - 1;
    if (priority < 0) throw new Error('no better priority is left');
    this.#priority[node] = priority;
    setPriority(this.net.nodes[node], 'br0', priority);
  }

  async reason(): Promise<string> {
    return 'the spanning tree';
  }

  /** A machine that starts has ports that listen at first: else it would close a loop when it is heard again. */
  async boot(node: NodeName): Promise<void> {
    const space = this.net.nodes[node];
    space.ip('link', 'set', 'br0', 'down');
    space.ip('link', 'set', 'br0', 'up');
  }

  async #tree(): Promise<Tree> {
    const { nodes, switches } = this.net;
    const spaces = [nodes.fw1, nodes.fw2, switches.uplink, switches.inside];
    const all = await Promise.all(
      spaces.map(async (space) => {
        const args = ['ip', '-j', '-d', 'link', 'show', 'type', 'bridge_slave'];
        const lines = JSON.parse((await space.run(args)).stdout) as (PortLine | NoLine)[];
        // What is filtered leaves an empty object.
        return lines.filter(isPort).map(({ ifname, operstate, linkinfo }): [string, string] => {
          const state = linkinfo.info_slave_data.state;
          return [`${space.name} ${ifname}`, operstate === 'UP' ? state : 'disabled'];
        });
      }),
    );
    return new Map(all.flat());
  }
}

function spanningTree(space: Namespace, bridge: string, priority: number, t: StpTimers): void {
  const hundredths = Object.entries({
    forward_delay: t.forwardDelay,
    hello_time: t.hello,
    max_age: t.maxAge,
  }).flatMap(([name, seconds]) => [name, String(seconds * 100)]);
  space.ip('link', 'set', bridge, 'type', 'bridge', ...hundredths, 'stp_state', '1');
  setPriority(space, bridge, priority);
}

function setPriority(space: Namespace, bridge: string, priority: number): void {
  space.ip('link', 'set', bridge, 'type', 'bridge', 'priority', String(priority * 4096));
}

/** All four ends of the two cables of a node forward. */
function carries(tree: Tree, node: NodeName): boolean {
  const ends = [`${node} up0`, `${node} dn0`, `west ${node}`, `east ${node}`];
  return ends.every((end) => tree.get(end) === 'forwarding');
}

/** The only one that does, with nothing on its way to something else. */
function whoCarries(tree: Tree): NodeName | null {
  const under = [...tree.values()].some((state) => state === 'listening' || state === 'learning');
  const active = NODES.filter((node) => carries(tree, node));
  return !under && active.length === 1 ? active[0]! : null;
}
