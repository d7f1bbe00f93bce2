/** The devices behind the ports: one may go, come back as another, or change its address. */
import type { Link } from '../../bridge/index.js';
import {
  type Dataplane,
  detachPort,
  hasDevice,
  type NodeSettings,
  type NumberedPort,
  type PinSet,
  withdrawPort,
  writeNode,
  writePort,
} from '../../dataplane/index.js';
import type { PortTable } from './port-table.js';
import type { TellRepair } from './repair.js';

export interface PortGuardDeps {
  readonly dataplane: Dataplane;
  readonly ports: PortTable;
  readonly pins: PinSet;
  readonly bridge: string;
  /** What the node file says to the packet path. */
  settings(bridgeMac: string): NodeSettings;
  readonly tell: TellRepair;
  /** A port's device has gone. */
  onGone(port: string): void;
}

export class PortGuard {
  readonly #deps: PortGuardDeps;
  readonly #absent = new Set<string>();
  #macs: string;

  constructor(deps: PortGuardDeps, bridgeMac: string) {
    this.#deps = deps;
    for (const port of deps.ports.all) if (!hasDevice(port)) this.#absent.add(port.name);
    this.#macs = macsOf(deps.ports.all, bridgeMac);
  }

  /** Tells the packet path which devices its ports are now. Returns those ports that there are. */
  check(all: readonly Link[]): Link[] {
    const byName = new Map(all.map((link) => [link.name, link]));
    const present: Link[] = [];
    for (const port of this.#deps.ports.all) {
      const link = byName.get(port.name);
      if (link === undefined) this.#gone(port);
      else {
        this.#identify(port, link);
        present.push(link);
      }
    }
    const bridge = byName.get(this.#deps.bridge);
    if (bridge !== undefined) this.#keepMacs(bridge.mac);
    return present;
  }

  #gone(port: NumberedPort): void {
    if (this.#absent.has(port.name)) return;
    this.#absent.add(port.name);
    this.#withdraw(port);
    this.#deps.onGone(port.name);
  }

  #identify(port: NumberedPort, link: Link): void {
    const { dataplane, ports, tell } = this.#deps;
    const changed = { ...port, ifindex: link.ifindex, mac: link.mac };
    const replaced = link.ifindex !== port.ifindex;
    const absent = this.#absent.delete(port.name);
    if (!replaced && !absent && link.mac === port.mac) return;
    if (replaced && !absent) this.#withdraw(port);
    writePort(dataplane, changed);
    ports.replace(changed);
    const what = replaced || absent ? 'its device came back' : `its MAC address is ${link.mac} now`;
    tell({ thing: 'port', port: port.name, what, by: '' });
  }

  /** The device itself may live on under another name: then it is no port of ours any more. */
  #withdraw(port: NumberedPort): void {
    withdrawPort(this.#deps.dataplane, port);
    detachPort(port, this.#deps.pins);
  }

  #keepMacs(bridgeMac: string): void {
    const { dataplane, ports, settings } = this.#deps;
    const macs = macsOf(ports.all, bridgeMac);
    if (macs === this.#macs) return;
    writeNode(dataplane, ports.all, settings(bridgeMac));
    this.#macs = macs;
  }
}

function macsOf(ports: readonly NumberedPort[], bridgeMac: string): string {
  return [bridgeMac, ...ports.map((port) => port.mac)].join(' ');
}
