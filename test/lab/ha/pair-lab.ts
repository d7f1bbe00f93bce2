/** The pair of the lab, and whatever may break of it, as the stories of a test tell it. */
import type { HaStatus } from '../../../src/control/service.js';
import { Lab, type Namespace } from '../../../src/lab/netns.js';
import { Pair } from '../../../src/lab/pair/pair.js';
import {
  SERVER as HOST,
  NODES,
  type NodeName,
  type PairNet,
} from '../../../src/lab/pair/pair-net.js';
import type { Wall } from '../../../src/lab/wall.js';

export type { NodeName };
export type Side = 'uplink' | 'inside';
export const SERVER = HOST.v4;

const SIDES: readonly Side[] = ['uplink', 'inside'];

export class PairLab {
  readonly walls: Readonly<Record<NodeName, Wall>>;
  readonly #lab: Lab;
  readonly #net: PairNet;
  readonly #pair: Pair;

  private constructor(lab: Lab, pair: Pair) {
    this.#lab = lab;
    this.#pair = pair;
    this.#net = pair.net;
    this.walls = pair.walls;
  }

  /** The nodes, with the policy, in their roles. */
  static async start(): Promise<PairLab> {
    const lab = new Lab('ha');
    try {
      const pair = await Pair.build(lab, { attach: 'tc' });
      await pair.start();
      return new PairLab(lab, pair);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  get client(): Namespace {
    return this.#net.client;
  }

  close(): Promise<void> {
    return this.#lab.close();
  }

  status(node: NodeName): Promise<HaStatus> {
    return this.#pair.clients[node].ha();
  }

  /** States of both, in their order. */
  async states(): Promise<string> {
    const all = await Promise.all(NODES.map((node) => this.status(node)));
    return all.map(({ state }) => state).join();
  }

  async active(): Promise<NodeName> {
    const states = (await this.states()).split(',');
    const at = states.indexOf('active');
    if (at < 0 || states.lastIndexOf('active') !== at) throw new Error(`states: ${states}`);
    return NODES[at]!;
  }

  /** Everything drops what comes from that node and what goes there, and its carrier stays up. */
  silence(node: NodeName, on = true): void {
    for (const side of SIDES) {
      if (on) this.#net.deafen(node, side);
      else this.#net.hear(node, side);
    }
  }

  link(node: NodeName, side: Side, up: boolean): void {
    if (up) this.#net.plug(node, side);
    else this.#net.unplug(node, side);
  }

  sync(up: boolean): void {
    for (const node of NODES) {
      if (up) this.#net.plug(node, 'sync');
      else this.#net.unplug(node, 'sync');
    }
  }

  signal(node: NodeName, signal: NodeJS.Signals): void {
    process.kill(this.walls[node].pid!, signal);
  }

  /** Nothing is broken any more. */
  async heal(): Promise<void> {
    this.#net.heal();
    for (const node of NODES) {
      if (this.walls[node].pid === undefined) await this.walls[node].start();
      else this.signal(node, 'SIGCONT');
    }
  }

  /** Frames that a switch has sent to its host. */
  sentTo(side: Side): number {
    const host = side === 'uplink' ? this.#net.client : this.#net.server;
    const [link] = JSON.parse(host.ip('-j', '-s', 'link', 'show', 'eth0')) as [
      { stats64: { rx: { packets: number } } },
    ];
    return link.stats64.rx.packets;
  }
}
