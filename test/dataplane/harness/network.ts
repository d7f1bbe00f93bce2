/**
 * A network namespace with the ports of a test wall. The thread that runs a test file moves into a
 * namespace of its own that has no name: it goes away with the process, however that ends.
 */
import { execFileSync } from 'node:child_process';
import { PORTS, type PortName } from '../fixtures/types.js';
import { nativeWire } from './native.js';

export interface TestPort {
  readonly name: PortName;
  readonly side: 'uplink' | 'inside';
  readonly ifindex: number;
  readonly mac: string;
  /** The other end of the cable. */
  readonly wire: string;
}

interface LinkInfo {
  readonly ifname: string;
  readonly ifindex: number;
  readonly stats64?: {
    readonly rx: { readonly packets: number };
    readonly tx: { readonly packets: number };
  };
}

/** Runs a program of the system and returns what it wrote. */
export function command(program: string, ...parameters: string[]): string {
  return execFileSync(program, parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What `ip` knows of every interface of this namespace. */
export function links(): LinkInfo[] {
  return JSON.parse(command('ip', '-j', '-s', 'link')) as LinkInfo[];
}

/** Enters a new namespace and lays a cable to each port. */
export function layCables(mtu = 1500): TestPort[] {
  nativeWire().enterNewNamespace();
  command(
    'sysctl',
    '-qw',
    'net.ipv6.conf.all.disable_ipv6=1',
    'net.ipv6.conf.default.disable_ipv6=1',
  );
  command('ip', 'link', 'set', 'lo', 'up');
  const ports = PORTS.map(({ name, side }, number) => ({
    name,
    side,
    mac: `02:00:00:00:ff:0${number}`,
    wire: `w-${name}`,
  }));
  for (const { name, mac, wire } of ports) {
    const peer = ['peer', 'name', wire, 'address', `02:00:00:00:fe:${mac.slice(-2)}`];
    command('ip', 'link', 'add', 'name', name, 'address', mac, 'type', 'veth', ...peer);
    for (const end of [name, wire]) command('ip', 'link', 'set', end, 'mtu', `${mtu}`, 'up');
  }
  const known = new Map(links().map((link) => [link.ifname, link.ifindex]));
  return ports.map((port) => ({ ...port, ifindex: known.get(port.name)! }));
}
