/** A wall between two routers: `client -- outer -- up0 [wall] dn0 -- inner -- server`. */
import { join } from 'node:path';
import { Lab, type LinkEnd, type Namespace } from '../../../src/lab/netns.js';
import { type AttachMode, Wall } from '../../../src/lab/wall.js';

const TRAFFIC = join(import.meta.dirname, 'traffic.py');

export const CLIENT = { v4: '10.1.0.2', v6: '2001:db8:1::2' } as const;
export const SERVER = { v4: '10.3.0.2', v6: '2001:db8:3::2' } as const;
/** The routers' addresses between the wall and themselves. */
export const OUTER = { v4: '10.2.0.1', v6: '2001:db8:2::1' } as const;
export const INNER = { v4: '10.2.0.2', v6: '2001:db8:2::2' } as const;

/** The server's policy, with these lines of its own. */
const policy = (...lines: string[]) => `
apiVersion: bridgewall/v1
hosts:
  server:
    addresses: [${SERVER.v4}, "${SERVER.v6}"]
${lines.map((line) => `    ${line}\n`).join('')}`;

const POLICY = [
  'in: {80/tcp: any, 5000/udp: any, 33434-33534/udp: any, ping: any}',
  'out: {5000/udp: any, 33434-33534/udp: any, ping: any}',
];

type Family = 'v4' | 'v6';

export class RoutedSite {
  readonly lab = new Lab('related');
  readonly client: Namespace;
  readonly outer: Namespace;
  readonly inner: Namespace;
  readonly server: Namespace;
  readonly wall: Wall;

  constructor(attach: AttachMode) {
    const { lab } = this;
    const [client, outer, box, inner, server] = ['client', 'outer', 'wall', 'inner', 'server'].map(
      (name) => lab.namespace(name),
    ) as [Namespace, Namespace, Namespace, Namespace, Namespace];
    Object.assign(this, { client, outer, inner, server });
    [this.client, this.outer, this.inner, this.server] = [client, outer, inner, server];
    const end = (namespace: Namespace, device: string, net: number, host: number): LinkEnd => ({
      namespace,
      device,
      addresses: [`10.${net}.0.${host}/24`, `2001:db8:${net}::${host}/64`],
    });
    lab.link(end(client, 'e0', 1, 2), end(outer, 'c0', 1, 1));
    lab.link({ namespace: box, device: 'up0' }, end(outer, 'w0', 2, 1));
    lab.link({ namespace: box, device: 'dn0' }, end(inner, 'w0', 2, 2));
    lab.link(end(server, 'e0', 3, 2), end(inner, 's0', 3, 1));
    for (const router of [outer, inner]) {
      router.sysctl('net.ipv4.ip_forward', 1);
      router.sysctl('net.ipv6.conf.all.forwarding', 1);
    }
    for (const each of [client, outer, inner, server]) {
      each.sysctl('net.ipv4.icmp_ratelimit', 0);
      each.sysctl('net.ipv6.icmp.ratelimit', 0);
    }
    route(client, 'default', '10.1.0.1', '2001:db8:1::1');
    route(server, 'default', '10.3.0.1', '2001:db8:3::1');
    route(outer, 3, INNER.v4, INNER.v6);
    route(inner, 1, OUTER.v4, OUTER.v6);
    this.wall = new Wall({
      lab,
      namespace: box,
      ports: [
        { name: 'up0', side: 'uplink' },
        { name: 'dn0', side: 'inside' },
      ],
      attach,
    });
  }

  /** Starts wall and servers. */
  async start(): Promise<void> {
    await this.lab.settled();
    await this.wall.start();
    await this.apply(...POLICY);
    for (const end of [this.client, this.server]) {
      const child = end.spawn(['python3', TRAFFIC, 'serve'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => child.stdout!.once('data', resolve));
    }
  }

  /** Installs a policy in which the server has these lines. */
  async apply(...lines: string[]): Promise<void> {
    await this.wall.run(['apply', this.lab.file('policy.yaml', policy(...lines))]);
  }

  /** From now on a router sends at most so many bytes towards an end, whole. */
  narrow(router: 'inner' | 'outer', mtu: number): void {
    const [namespace, net, device] =
      router === 'inner' ? ([this.inner, 3, 's0'] as const) : ([this.outer, 1, 'c0'] as const);
    const limit = ['mtu', 'lock', String(mtu)];
    namespace.ip('route', 'replace', `10.${net}.0.0/24`, 'dev', device, ...limit);
    // Before the kernel's own, whose metric is 256.
    const to6 = [`2001:db8:${net}::/64`, 'dev', device, 'metric', '100'];
    namespace.ip('-6', 'route', 'replace', ...to6, ...limit);
  }

  /** From now on the client lets routers cut its IPv4 packets, and the outer one does so towards the wall. */
  cutBeforeWall(mtu: number): void {
    this.client.sysctl('net.ipv4.ip_no_pmtu_disc', 1);
    const limit = ['mtu', 'lock', String(mtu)];
    this.outer.ip('route', 'replace', '10.3.0.0/24', 'via', INNER.v4, ...limit);
  }

  /** Runs traffic.py at one end; what it printed. */
  async traffic(from: 'client' | 'server', ...args: (string | number)[]): Promise<string> {
    const words = ['python3', TRAFFIC, ...args.map(String)];
    const { stdout, stderr, status } = await this[from].run(words, { timeoutMs: 60_000 });
    return status === 0 ? stdout.trim() : `status ${status}: ${stderr}`;
  }

  /** The path MTU that an end has learned; null: none. */
  pathMtu(from: 'client' | 'server', family: Family): number | null {
    const to = (from === 'client' ? SERVER : CLIENT)[family];
    const found = / mtu (\d+)/.exec(this[from].ip('route', 'get', to));
    return found === null ? null : Number(found[1]);
  }

  /** Frames that the wall dropped, by reason. */
  async drops(): Promise<Record<string, number>> {
    const { counters } = await this.wall.json<{
      counters: { dropped: Record<string, number> };
    }>('status');
    return counters.dropped;
  }

  async close(): Promise<void> {
    await this.wall.stop();
    await this.lab.close();
  }
}

function route(at: Namespace, net: number | 'default', v4: string, v6: string): void {
  const [to4, to6] = net === 'default' ? [net, net] : [`10.${net}.0.0/24`, `2001:db8:${net}::/64`];
  at.ip('route', 'add', to4, 'via', v4);
  at.ip('-6', 'route', 'add', to6, 'via', v6);
}
