/**
 * The pair that is replaced: a bridge with the seed's rules over br_netfilter in each node, the spanning tree to switch
 * between them, conntrackd to tell the other node of connections, keepalived to say when they go into its kernel.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { command, type Lab, type Namespace } from '../../../src/lab/netns.js';
import { NODES, type NodeName, otherOf, SERVER } from '../../../src/lab/pair/pair-net.js';
import type { Redundant } from '../../../src/lab/pair/redundant.js';
import { seedRules, seedSets } from '../../seed.js';
import { Conntrackd } from './conntrackd.js';
import { Keepalived } from './keepalived.js';
import { KernelStp, type StpTimers } from './kernel-stp.js';

const ADDRESSES: Readonly<Record<NodeName, string>> = {
  fw1: '198.51.100.201/24',
  fw2: '198.51.100.202/24',
};
const HOST = {
  address: SERVER.v4,
  services: ['tcp:80', 'udp:7'],
  clients: ['0.0.0.0/1', '128.0.0.0/1'],
};
/** Else the raw table drops the other node's advertisements, which come by the uplink too. */
const VRRP_GROUP = 'add ScreenedHosts 224.0.0.18';
const SYSCTLS: readonly [string, number][] = [
  ['net.bridge.bridge-nf-call-iptables', 1],
  ['net.bridge.bridge-nf-call-ip6tables', 0],
  ['net.bridge.bridge-nf-call-arptables', 0],
  // conntrackd does not tell of windows; the seed had it so too.
  ['net.netfilter.nf_conntrack_tcp_be_liberal', 1],
];
const HIGH = 100;
const LOW = 80;
const LOOK_MS = 250;
/** conntrackd of the standby has what the active one has, or nearly so: one that dies takes longer to notice. */
const KNOWS = 0.98;
const KNOWS_WITHIN_MS = 20_000;
const WITHIN_MS = 240_000;
const START_WITHIN_MS = 100_000;

export class SeedPair implements Redundant {
  readonly conntrackd: Readonly<Record<NodeName, Conntrackd>>;
  readonly #stp: KernelStp;
  readonly #keepalived: Readonly<Record<NodeName, Keepalived>>;
  readonly #priority: Record<NodeName, number> = { fw1: HIGH, fw2: LOW };

  private constructor(lab: Lab, stp: KernelStp) {
    this.#stp = stp;
    const { nodes } = stp.net;
    const tracker = (node: NodeName) => new Conntrackd(lab, nodes[node], node);
    this.conntrackd = { fw1: tracker('fw1'), fw2: tracker('fw2') };
    const keeper = (node: NodeName) =>
      new Keepalived(lab, nodes[node], node, this.conntrackd[node]);
    this.#keepalived = { fw1: keeper('fw1'), fw2: keeper('fw2') };
  }

  /** Bridges, rules and the tree; `start` starts what runs. */
  static async build(lab: Lab, timers: StpTimers): Promise<SeedPair> {
    const stp = await KernelStp.build(lab, timers);
    for (const node of NODES) screen(stp.net.nodes[node], ADDRESSES[node]);
    return new SeedPair(lab, stp);
  }

  get net() {
    return this.#stp.net;
  }

  /** Starts both of conntrackd and, unless only that is asked for, of keepalived. */
  async start(o: { keepalived: boolean } = { keepalived: true }): Promise<NodeName> {
    // Before the ports forward, both of keepalived would be primary.
    const active = await this.#stp.settled();
    for (const node of NODES) {
      await this.conntrackd[node].start();
      if (o.keepalived) this.#keepalived[node].start(this.#priority[node]);
    }
    return o.keepalived ? await this.settled(START_WITHIN_MS) : active;
  }

  async settled(withinMs = WITHIN_MS): Promise<NodeName> {
    const deadline = Date.now() + withinMs;
    const roles = () => NODES.map((node) => this.#keepalived[node].role).join(' ');
    for (;;) {
      const active = await this.#stp.settled(deadline - Date.now());
      const wanted = NODES.map((node) => (node === active ? 'primary' : 'backup')).join(' ');
      while (roles() !== wanted && Date.now() < deadline) await pause(LOOK_MS);
      if (roles() !== wanted) throw new Error(`the pair does not settle: ${roles()}`);
      await this.#knows(otherOf(active));
      if ((await this.#stp.settled()) === active && roles() === wanted) return active;
    }
  }

  async becomes(node: NodeName, withinMs?: number): Promise<void> {
    await this.#stp.becomes(node, withinMs);
  }

  /** Priorities of both managers change places: first of the one that has connections put into the kernel. */
  async takeOver(node: NodeName): Promise<void> {
    this.#priority[node] = HIGH;
    this.#priority[otherOf(node)] = LOW;
    for (const one of [otherOf(node), node]) this.#keepalived[one].reload(this.#priority[one]);
    await this.#stp.takeOver(node);
  }

  async reason(node: NodeName): Promise<string> {
    return `the spanning tree; keepalived is ${this.#keepalived[node].role}`;
  }

  /** What ran is gone, and what the kernel knew. */
  async boot(node: NodeName): Promise<void> {
    await this.#keepalived[node].stop();
    await this.conntrackd[node].stop();
    this.net.nodes[node].exec('conntrack', '-F');
    await this.#stp.boot(node);
    await this.conntrackd[node].start();
    this.#keepalived[node].start(this.#priority[node]);
  }

  /** Waits for the other node's connections there, but not for ever: they may never come. */
  async #knows(standby: NodeName): Promise<void> {
    const deadline = Date.now() + KNOWS_WITHIN_MS;
    while (Date.now() < deadline) {
      const { internal } = await this.conntrackd[otherOf(standby)].known();
      const { external } = await this.conntrackd[standby].known();
      if (external >= internal * KNOWS) return;
      await pause(LOOK_MS);
    }
  }
}

/** Rules and sets of a node. */
function screen(space: Namespace, address: string): void {
  space.ip('address', 'add', address, 'dev', 'br0');
  const into = (input: string, ...args: string[]) => {
    const [file, ...rest] = space.wrap(args) as [string, ...string[]];
    command(file, rest, input);
  };
  into(`${seedSets(HOST)}${VRRP_GROUP}\n`, 'ipset', 'restore');
  into(seedRules('up0'), 'iptables-legacy-restore');
  for (const [key, value] of SYSCTLS) space.sysctl(key, value);
}
