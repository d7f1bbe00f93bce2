/**
 * client - switch - {fw1, fw2} - switch - server, in one kernel, and a sync link between the nodes. Whatever may
 * break is a function here; the switches are bridges of Linux.
 */
import { join } from 'node:path';
import type { HaStatus } from '../../../src/control/service.js';
import { Lab, type Namespace } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';
import { type AttachMode, Wall } from '../../../src/lab/wall.js';

export type NodeName = 'fw1' | 'fw2';
export type Side = 'uplink' | 'inside';
export const NODES: readonly NodeName[] = ['fw1', 'fw2'];
export const CLIENT = '10.9.0.1';
export const SERVER = '10.9.0.2';

const SYNC: Readonly<Record<NodeName, string>> = { fw1: '10.99.0.1', fw2: '10.99.0.2' };
const PORT: Readonly<Record<Side, string>> = { uplink: 'up0', inside: 'dn0' };
/** Of tc's `bpf` with `da`: drop, whatever it is. */
const DROP = ['bpf', 'da', 'bytecode', '1,6 0 0 2'];

const POLICY = `apiVersion: bridgewall/v1
groups:
  all: [10.9.0.0/24]
hosts:
  server:
    addresses: [${SERVER}]
    in: {ping: all, all: all}
    out: {ping: all}
`;

export interface PairLabOptions {
  readonly attach?: AttachMode;
  /** More of `ha` in the node file of each, such as `priority: 200`. */
  readonly ha?: Partial<Record<NodeName, string>>;
}

export class PairLab {
  readonly lab = new Lab('ha');
  readonly client: Namespace;
  readonly server: Namespace;
  readonly walls = {} as Record<NodeName, Wall>;
  readonly spaces = {} as Record<NodeName, Namespace>;
  readonly #dropping = new Set<string>();
  readonly #switches = {} as Record<Side, Namespace>;

  constructor({ attach = 'tc', ha = {} }: PairLabOptions = {}) {
    this.client = this.lab.namespace('client');
    this.server = this.lab.namespace('server');
    for (const node of NODES) this.spaces[node] = this.lab.namespace(node);
    for (const side of ['uplink', 'inside'] as const) this.#wire(side);
    const end = (node: NodeName) => ({
      namespace: this.spaces[node],
      device: 'sync0',
      addresses: [`${SYNC[node]}/24`],
    });
    this.lab.link(end('fw1'), end('fw2'));
    const pki = join(this.lab.directory, 'pki');
    this.client.exec(join(ROOT, 'bin/bwctl'), 'ha', 'init', pki, '--nodes', 'fw1,fw2');
    for (const node of NODES) this.walls[node] = this.#node(node, attach, ha[node] ?? '');
  }

  /** The nodes, with the policy, in their roles. */
  async start(): Promise<void> {
    await this.lab.settled();
    const policy = this.lab.file('policy.yaml', POLICY);
    for (const node of NODES) {
      await this.walls[node].start();
      await this.walls[node].run(['apply', policy]);
    }
  }

  close(): Promise<void> {
    return this.lab.close();
  }

  status(node: NodeName): Promise<HaStatus> {
    return this.walls[node].json<HaStatus>('ha', 'status');
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
  silence(node: NodeName, on = true, sides: readonly Side[] = ['uplink', 'inside']): void {
    for (const side of sides) {
      for (const hook of ['ingress', 'egress'] as const) this.#drop(side, node, hook, on);
    }
  }

  /** Nothing of what that node sends on that side arrives. */
  mute(node: NodeName, side: Side, on = true): void {
    this.#drop(side, node, 'ingress', on);
  }

  link(node: NodeName, side: Side, up: boolean): void {
    this.#switches[side].ip('link', 'set', node, up ? 'up' : 'down');
  }

  sync(up: boolean): void {
    this.spaces.fw1.ip('link', 'set', 'sync0', up ? 'up' : 'down');
  }

  signal(node: NodeName, signal: NodeJS.Signals): void {
    process.kill(this.walls[node].pid!, signal);
  }

  /** Nothing is broken any more. */
  async heal(): Promise<void> {
    this.sync(true);
    for (const node of NODES) {
      for (const side of ['uplink', 'inside'] as const) {
        this.link(node, side, true);
        for (const hook of ['ingress', 'egress'] as const) {
          if (this.#dropping.has(`${side} ${node} ${hook}`)) this.#drop(side, node, hook, false);
        }
      }
      if (this.walls[node].pid === undefined) await this.walls[node].start();
      else this.signal(node, 'SIGCONT');
    }
  }

  /** Frames that a switch has sent to its host. */
  sentTo(side: Side): number {
    const host = side === 'uplink' ? this.client : this.server;
    const [link] = JSON.parse(host.ip('-j', '-s', 'link', 'show', 'e0')) as [
      { stats64: { rx: { packets: number } } },
    ];
    return link.stats64.rx.packets;
  }

  #drop(side: Side, node: NodeName, hook: 'ingress' | 'egress', on: boolean): void {
    const space = this.#switches[side];
    const place = `${side} ${node} ${hook}`;
    if (on) this.#dropping.add(place);
    else this.#dropping.delete(place);
    if (on) space.exec('tc', 'filter', 'add', 'dev', node, hook, ...DROP);
    else space.exec('tc', 'filter', 'del', 'dev', node, hook);
  }

  #wire(side: Side): void {
    const space = this.lab.namespace(side === 'uplink' ? 'sw-up' : 'sw-in');
    this.#switches[side] = space;
    space.ip('link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    space.ip('link', 'set', 'br0', 'up');
    const host = side === 'uplink' ? this.client : this.server;
    const address = side === 'uplink' ? CLIENT : SERVER;
    this.lab.link(
      { namespace: space, device: 'host' },
      { namespace: host, device: 'e0', addresses: [`${address}/24`] },
    );
    for (const node of NODES) {
      this.lab.link(
        { namespace: space, device: node },
        { namespace: this.spaces[node], device: PORT[side] },
      );
      space.exec('ethtool', '-K', node, 'gro', 'on');
      space.exec('tc', 'qdisc', 'add', 'dev', node, 'clsact');
    }
    for (const device of ['host', ...NODES]) space.ip('link', 'set', device, 'master', 'br0');
  }

  #node(node: NodeName, attach: AttachMode, ha: string): Wall {
    const other = node === 'fw1' ? 'fw2' : 'fw1';
    const more = ha === '' ? '' : `, ${ha}`;
    return new Wall({
      ...{ lab: this.lab, node, namespace: this.spaces[node], attach },
      ports: [
        { name: PORT.uplink, side: 'uplink' },
        { name: PORT.inside, side: 'inside' },
      ],
      api:
        `listen: "${SYNC[node]}:7443", tls: {ca: pki/ca.pem, crl: pki/crl.pem, ` +
        `cert: pki/${node}.pem, key: pki/${node}.key}`,
      more: [`ha: {peer: {name: ${other}, address: "${SYNC[other]}:7443"}${more}}`],
    });
  }
}
