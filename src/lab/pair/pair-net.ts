/**
 * Two nodes side by side between two switches, and a link between them:
 *
 *     client - switch west -+- up0 [fw1] dn0 -+- switch east - server
 *                           +- up0 [fw2] dn0 -+
 *                    fw1 sync0 - switch mid - sync0 fw2
 *
 * Switches are Linux bridges in namespaces of their own. Faults are made at their ports, never in a node: what
 * a node sees of them is what it would see of a cable, a power supply or a switch.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { type Lab, LabError, type Namespace } from '../netns.js';

export type NodeName = 'fw1' | 'fw2';
/** A switch, and what it is to a node. */
export type Segment = 'uplink' | 'inside' | 'sync';
/** Seen from the node. */
export type Way = 'in' | 'out';

export const NODES: readonly NodeName[] = ['fw1', 'fw2'];
export const SEGMENTS: readonly Segment[] = ['uplink', 'inside', 'sync'];
export const otherOf = (node: NodeName): NodeName => (node === 'fw1' ? 'fw2' : 'fw1');

export const CLIENT = { v4: '198.51.100.10', v6: '2001:db8::10', mac: '02:00:00:00:00:10' };
export const SERVER = { v4: '198.51.100.80', v6: '2001:db8::80', mac: '02:00:00:00:00:80' };
export const SYNC: Readonly<Record<NodeName, string>> = { fw1: '10.99.0.1', fw2: '10.99.0.2' };

const SWITCHES: Readonly<Record<Segment, string>> = {
  uplink: 'west',
  inside: 'east',
  sync: 'mid',
};
/** Ports of a node. */
export const DEVICES: Readonly<Record<Segment, string>> = {
  uplink: 'up0',
  inside: 'dn0',
  sync: 'sync0',
};
/** Hundredths of a second, as iproute2 wants them: the shortest that IEEE 802.1D lets bridges have. */
export const STP_TIMERS = ['forward_delay', '200', 'hello_time', '100', 'max_age', '600'] as const;
/** The western switch is the root, the eastern one the last to be. */
const STP_PRIORITIES: Readonly<Record<string, string>> = { uplink: '4096', inside: '61440' };
/** Time for programs to begin that then wait for their orders. */
const READY_MS = 300;
/** A classic BPF program that drops whatever it sees. */
const DROP_ALL = ['bpf', 'da', 'bytecode', '1,6 0 0 2'];

export class PairNet {
  readonly client: Namespace;
  readonly server: Namespace;
  readonly nodes: Readonly<Record<NodeName, Namespace>>;
  /** Each has a bridge `sw`, whose ports are `host` and one for each node, of its name. */
  readonly switches: Readonly<Record<Segment, Namespace>>;
  /** Node, segment and way of what is swallowed. */
  readonly #deaf = new Set<string>();
  /** Node and segment of cables without light. */
  readonly #dark = new Set<string>();

  private constructor(lab: Lab, stp: boolean) {
    this.client = lab.namespace('client');
    this.server = lab.namespace('server');
    this.nodes = { fw1: lab.namespace('fw1'), fw2: lab.namespace('fw2') };
    const make = (segment: Segment) => {
      const space = lab.namespace(SWITCHES[segment]);
      space.ip('link', 'add', 'sw', 'type', 'bridge', 'mcast_snooping', '0');
      const priority = STP_PRIORITIES[segment];
      if (stp && priority !== undefined) {
        const settings = ['stp_state', '1', 'priority', priority, ...STP_TIMERS];
        space.ip('link', 'set', 'sw', 'type', 'bridge', ...settings);
      }
      space.ip('link', 'set', 'sw', 'up');
      return space;
    };
    this.switches = { uplink: make('uplink'), inside: make('inside'), sync: make('sync') };
  }

  /** Lays all cables. @param stp the switches run STP */
  static async build(lab: Lab, stp = false): Promise<PairNet> {
    const net = new PairNet(lab, stp);
    const plug = (segment: Segment, device: string) => {
      const space = net.switches[segment];
      space.ip('link', 'set', device, 'master', 'sw');
      space.exec('tc', 'qdisc', 'add', 'dev', device, 'clsact');
    };
    const host = (namespace: Namespace, { v4, v6, mac }: typeof CLIENT) => ({
      ...{ namespace, device: 'eth0', mac, addresses: [`${v4}/24`, `${v6}/64`] },
    });
    const port = (segment: Segment, device: string) => ({
      ...{ namespace: net.switches[segment], device, endpoint: true },
    });
    lab.link(host(net.client, CLIENT), port('uplink', 'host'));
    plug('uplink', 'host');
    lab.link(host(net.server, SERVER), port('inside', 'host'));
    plug('inside', 'host');
    for (const node of NODES) {
      for (const segment of SEGMENTS) {
        const addresses = segment === 'sync' ? { addresses: [`${SYNC[node]}/24`] } : {};
        const end = { namespace: net.nodes[node], device: DEVICES[segment], ...addresses };
        lab.link(end, port(segment, node));
        plug(segment, node);
      }
    }
    // What a wall drops at first is not to be remembered as being nowhere.
    net.client.ip('neigh', 'replace', SERVER.v4, 'lladdr', SERVER.mac, 'dev', 'eth0');
    net.server.ip('neigh', 'replace', CLIENT.v4, 'lladdr', CLIENT.mac, 'dev', 'eth0');
    await lab.settled();
    return net;
  }

  /** Swallows what a node hears from a segment (`in`) or says there (`out`); carriers stay up. */
  deafen(node: NodeName, segment: Segment, ...ways: Way[]): void {
    for (const way of ways.length > 0 ? ways : (['in', 'out'] as const)) {
      const place = `${node} ${segment} ${way}`;
      if (this.#deaf.has(place)) continue;
      this.#deaf.add(place);
      this.#tc('add', node, segment, way, ...DROP_ALL);
    }
  }

  /** Takes back {@link PairNet.deafen}. */
  hear(node: NodeName, segment: Segment, ...ways: Way[]): void {
    for (const way of ways.length > 0 ? ways : (['in', 'out'] as const)) {
      if (!this.#deaf.delete(`${node} ${segment} ${way}`)) continue;
      this.#tc('del', node, segment, way);
    }
  }

  /** A power cut whose cables keep their light: nothing of the node is heard any more, and it hears nothing. */
  silence(node: NodeName): void {
    for (const segment of SEGMENTS) this.deafen(node, segment);
  }

  /**
   * The same in one moment, as a power supply fails: a command for each of the six ways takes some 40 ms for all. The
   * programs run by then, and get their orders at once.
   */
  async cutPower(node: NodeName): Promise<void> {
    const orders = SEGMENTS.map((segment) => ({
      child: this.switches[segment].spawn(['tc', '-batch', '-'], {
        stdio: ['pipe', 'ignore', 'inherit'],
      }),
      lines: (['in', 'out'] as const).flatMap((way) => {
        const place = `${node} ${segment} ${way}`;
        if (this.#deaf.has(place)) return [];
        this.#deaf.add(place);
        return `${this.#filter('add', node, way, ...DROP_ALL.map(quoted)).join(' ')}\n`;
      }),
    }));
    const ends = orders.map(({ child }) => once(child, 'exit') as Promise<[number | null]>);
    await pause(READY_MS);
    for (const { child, lines } of orders) child.stdin!.end(lines.join(''));
    for (const [status] of await Promise.all(ends)) {
      if (status !== 0) throw new LabError('COMMAND', `tc -batch: exit ${status}`);
    }
  }

  restore(node: NodeName): void {
    for (const segment of SEGMENTS) this.hear(node, segment);
  }

  /** Takes the light of a cable. */
  unplug(node: NodeName, segment: Segment): void {
    this.#dark.add(`${node} ${segment}`);
    this.switches[segment].ip('link', 'set', node, 'down');
  }

  plug(node: NodeName, segment: Segment): void {
    this.switches[segment].ip('link', 'set', node, 'up');
    this.#dark.delete(`${node} ${segment}`);
  }

  /** Whether frames get through to the node and back, on both sides. */
  carries(node: NodeName): boolean {
    return (['uplink', 'inside'] as const).every(
      (side) =>
        !this.#dark.has(`${node} ${side}`) &&
        !this.#deaf.has(`${node} ${side} in`) &&
        !this.#deaf.has(`${node} ${side} out`),
    );
  }

  /** Nothing is broken any more. */
  heal(): void {
    for (const place of [...this.#deaf]) {
      const [node, segment, way] = place.split(' ') as [NodeName, Segment, Way];
      this.hear(node, segment, way);
    }
    for (const place of [...this.#dark]) {
      const [node, segment] = place.split(' ') as [NodeName, Segment];
      this.plug(node, segment);
    }
  }

  #tc(verb: 'add' | 'del', node: NodeName, segment: Segment, way: Way, ...action: string[]): void {
    this.switches[segment].exec('tc', ...this.#filter(verb, node, way, ...action));
  }

  #filter(verb: 'add' | 'del', node: NodeName, way: Way, ...action: string[]): string[] {
    const hook = way === 'in' ? 'egress' : 'ingress';
    const what = ['protocol', 'all', 'pref', '1', ...action];
    const args = verb === 'add' ? [hook, ...what] : [hook, 'pref', '1'];
    return ['filter', verb, 'dev', node, ...args];
  }
}

/** For a line of a batch. */
function quoted(word: string): string {
  return word.includes(' ') ? `"${word}"` : word;
}
