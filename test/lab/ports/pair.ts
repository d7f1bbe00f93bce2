/**
 * Two walls in parallel, as the seed had them: between an upper and a lower switch, both with STP, a
 * client above and a server below.
 *
 *     client -- upper =< fw1, fw2 >= lower -- server
 */
import { Lab, type Namespace } from '../../../src/lab/netns.js';
import { type AttachMode, Wall } from '../../../src/lab/wall.js';

export const CLIENT = '10.8.0.1';
export const SERVER = '10.8.0.2';

/** Hundredths of a second, as iproute2 wants them: the shortest that IEEE 802.1D lets bridges have. */
const TIMERS = ['forward_delay', '200', 'hello_time', '100', 'max_age', '600'];

export type Box = 'fw1' | 'fw2';
export const BOXES: readonly Box[] = ['fw1', 'fw2'];

interface BridgeLink {
  readonly ifname: string;
  readonly state: string;
}

export class Pair {
  readonly lab = new Lab('pair');
  readonly client: Namespace;
  readonly server: Namespace;
  readonly upper: Namespace;
  readonly lower: Namespace;
  readonly boxes: Readonly<Record<Box, Namespace>>;
  readonly walls: Readonly<Record<Box, Wall>>;

  constructor(attach: AttachMode) {
    const { lab } = this;
    this.client = lab.namespace('client');
    this.server = lab.namespace('server');
    this.upper = lab.namespace('upper');
    this.lower = lab.namespace('lower');
    this.boxes = { fw1: lab.namespace('fw1'), fw2: lab.namespace('fw2') };
    for (const box of BOXES) {
      // GRO at the switches: native XDP redirects into a veth only with NAPI at its other end.
      const to = (namespace: Namespace) => ({ namespace, device: box, endpoint: true });
      lab.link({ namespace: this.boxes[box], device: 'up0' }, to(this.upper));
      lab.link({ namespace: this.boxes[box], device: 'dn0' }, to(this.lower));
    }
    const host = (namespace: Namespace, address: string) => ({
      ...{ namespace, device: 'e0', addresses: [`${address}/24`] },
    });
    lab.link(host(this.client, CLIENT), { namespace: this.upper, device: 'host', endpoint: true });
    lab.link(host(this.server, SERVER), { namespace: this.lower, device: 'host', endpoint: true });
    // The upper one is the root, so that the walls' ways to it are what STP chooses between.
    buildSwitch(this.upper, 4096);
    buildSwitch(this.lower, 61440);
    const ports = [
      { name: 'up0', side: 'uplink' as const },
      { name: 'dn0', side: 'inside' as const },
    ];
    const wall = (node: Box) =>
      new Wall({ lab, namespace: this.boxes[node], ports, attach, node, stp: 'kernel' });
    this.walls = { fw1: wall('fw1'), fw2: wall('fw2') };
  }

  /** Brings both walls up, in parallel from then on; the first has the better bridge id. */
  async start(policy: string): Promise<void> {
    const file = this.lab.file('policy.yaml', policy);
    for (const [at, box] of BOXES.entries()) {
      // Before the switches are joined by it: a wall sets no timers of STP, an operator does.
      this.boxes[box].ip('link', 'add', 'br0', 'type', 'bridge', ...TIMERS);
      this.boxes[box].ip('link', 'set', 'br0', 'type', 'bridge', 'priority', `${8192 * (at + 1)}`);
      await this.walls[box].start();
      await this.walls[box].run(['apply', file]);
    }
  }

  /** What the bridge of a box does with its ports. */
  states(box: Box): Record<string, string> {
    const links = JSON.parse(this.boxes[box].exec('bridge', '-j', 'link')) as BridgeLink[];
    return Object.fromEntries(links.map(({ ifname, state }) => [ifname, state]));
  }

  /** Boxes through which frames go from above to below. */
  paths(): Box[] {
    const open = (namespace: Namespace, port: string) =>
      (JSON.parse(namespace.exec('bridge', '-j', 'link')) as BridgeLink[]).some(
        ({ ifname, state }) => ifname === port && state === 'forwarding',
      );
    return BOXES.filter((box) => {
      const states = this.states(box);
      const inside = states.up0 === 'forwarding' && states.dn0 === 'forwarding';
      return inside && open(this.upper, box) && open(this.lower, box);
    });
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

function buildSwitch(namespace: Namespace, priority: number): void {
  const settings = [...TIMERS, 'priority', String(priority), 'mcast_snooping', '0'];
  namespace.ip('link', 'add', 'br0', 'type', 'bridge', 'stp_state', '1', ...settings);
  namespace.sysctl('net.ipv6.conf.br0.disable_ipv6', 1);
  for (const device of [...BOXES, 'host']) namespace.ip('link', 'set', device, 'master', 'br0');
  for (const family of ['iptables', 'ip6tables', 'arptables']) {
    namespace.sysctl(`net.bridge.bridge-nf-call-${family}`, 0);
  }
  namespace.ip('link', 'set', 'br0', 'up');
}
