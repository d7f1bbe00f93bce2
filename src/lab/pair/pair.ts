/** A pair that stands: two daemons in the net, certificates, and a policy. */
import { join } from 'node:path';
import { NodeClient } from '../../control/api/client.js';
import type { StatusResult } from '../../control/service.js';
import type { Lab } from '../netns.js';
import { ROOT } from '../root.js';
import { type AttachMode, Wall } from '../wall.js';
import { NODES, type NodeName, otherOf, PairNet, SYNC } from './pair-net.js';
import type { Redundant } from './redundant.js';

const POLICY = `apiVersion: bridgewall/v1
hosts:
  server:
    addresses: [198.51.100.80, "2001:db8::80"]
    in: {80/tcp: any, 7/udp: any, ping: any}
    out: {ping: any}
`;
const WITHIN_MS = 30_000;
const LOOK_MS = 20;

export interface PairOptions {
  readonly attach: AttachMode;
  /** More of `ha` in the node files. */
  readonly ha?: string;
  /** More lines of the node files. */
  readonly more?: readonly string[];
  /** Switches and nodes run STP. */
  readonly stp?: boolean;
  /** The program of both daemons; that of this project unless given. */
  readonly daemon?: string;
}

export class Pair implements Redundant {
  readonly net: PairNet;
  readonly walls: Readonly<Record<NodeName, Wall>>;
  /** A process of `bwctl` for each look would take the processor from what is looked at. */
  readonly clients: Readonly<Record<NodeName, NodeClient>>;
  readonly #lab: Lab;

  private constructor(lab: Lab, net: PairNet, walls: Readonly<Record<NodeName, Wall>>) {
    this.#lab = lab;
    this.net = net;
    this.walls = walls;
    const client = (node: NodeName) => new NodeClient(walls[node].socket);
    this.clients = { fw1: client('fw1'), fw2: client('fw2') };
    lab.onClose(() => {
      for (const node of NODES) this.clients[node].close();
    });
  }

  /** Writes certificates and node files; nothing runs yet. */
  static async build(
    lab: Lab,
    { attach, ha = '', more = [], stp = false, daemon }: PairOptions,
  ): Promise<Pair> {
    const net = await PairNet.build(lab, stp);
    const pki = join(lab.directory, 'pki');
    net.nodes.fw1.exec(join(ROOT, 'bin/bwctl'), 'ha', 'init', pki, '--nodes', 'fw1,fw2');
    const wall = (node: NodeName) => {
      const other = otherOf(node);
      return new Wall({
        ...{ lab, node, attach, namespace: net.nodes[node], stp: stp ? 'kernel' : 'off' },
        ...(daemon && { daemon }),
        ports: [
          { name: 'up0', side: 'uplink' },
          { name: 'dn0', side: 'inside' },
        ],
        api:
          `listen: "${SYNC[node]}:7443", tls: {ca: pki/ca.pem, crl: pki/crl.pem, ` +
          `cert: pki/${node}.pem, key: pki/${node}.key}`,
        more: [
          `ha: {peer: {name: ${other}, address: "${SYNC[other]}:7443"}${ha === '' ? '' : `, ${ha}`}}`,
          ...more,
        ],
      });
    };
    return new Pair(lab, net, { fw1: wall('fw1'), fw2: wall('fw2') });
  }

  /** Starts both, gives both the policy, and waits until one is active and the other one knows all. */
  async start(): Promise<NodeName> {
    await this.raise();
    return await this.settled();
  }

  /** Starts both and gives both the policy. */
  async raise(): Promise<void> {
    const policy = this.#lab.file('policy.yaml', POLICY);
    for (const node of NODES) {
      await this.walls[node].start();
      await this.walls[node].run(['apply', policy]);
    }
  }

  status(node: NodeName): Promise<StatusResult> {
    return this.clients[node].status();
  }

  /** Which one is active, when exactly one is. */
  async active(): Promise<NodeName | null> {
    const roles = await Promise.all(
      NODES.map(async (node) => (await this.status(node).catch(() => null))?.role),
    );
    const active = NODES.filter((_, i) => roles[i] === 'active');
    return active.length === 1 ? active[0]! : null;
  }

  /** Waits until one is active, the other one a standby that could take over. */
  async settled(withinMs = WITHIN_MS): Promise<NodeName> {
    let seen = '';
    const deadline = Date.now() + withinMs;
    while (Date.now() < deadline) {
      // `status` calls a node that is about to join a standby.
      const [a, b] = await Promise.all(
        NODES.map((node) => this.clients[node].ha().catch(() => null)),
      );
      const states = [a?.state, b?.state];
      seen = `${states.join(' and ')}, ready: ${a?.ready}, ${b?.ready}`;
      const at = states.indexOf('active');
      const other = at === 0 ? b : a;
      if (at >= 0 && other?.state === 'standby' && other.ready) return NODES[at]!;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(`the pair does not settle: ${seen}`);
  }

  async takeOver(node: NodeName): Promise<void> {
    await this.walls[node].run(['ha', 'takeover']);
  }

  async reason(node: NodeName): Promise<string> {
    return (await this.walls[node].json<{ reason: string }>('ha', 'status')).reason;
  }

  /** Waits until that one is active. */
  async becomes(node: NodeName, withinMs = WITHIN_MS): Promise<void> {
    const deadline = Date.now() + withinMs;
    while ((await this.status(node).catch(() => null))?.role !== 'active') {
      if (Date.now() > deadline) throw new Error(`${node} does not become active`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}
