/**
 * Mirrors the state of the bridge's ports, carrier and MTU into the packet path: at once when the
 * kernel tells of a change, and whole, with a new lease, whenever the links were listed.
 */
import type { Link, PortNotice } from '../../bridge/index.js';
import type { Mirror, NumberedPort, PortFacts } from '../../dataplane/index.js';
import type { EventSink } from '../event-bus.js';
import type { PortTable } from './port-table.js';

export interface PortMirrorDeps {
  readonly mirror: Pick<Mirror, 'begin' | 'write' | 'believe' | 'forgetAddresses' | 'hush'>;
  readonly ports: PortTable;
  /** Name of the bridge. */
  readonly bridge: string;
  /** Its kernel runs STP: where a port's state changes, the topology does. */
  readonly stp: boolean;
  readonly events: EventSink;
}

/** A listing that is under way. */
export interface Listing {
  /** When it began, in jiffies. */
  readonly since: bigint;
  /** Ports that the kernel told of meanwhile: what the listing says of them may be older. */
  readonly overtaken: Set<number>;
}

/** The longest that IEEE 802.1D lets a BPDU count, in seconds; and what a timer may be late. */
const MAX_AGE = 40;
const LATE = 1;

export class PortMirror {
  readonly #deps: PortMirrorDeps;
  readonly #facts = new Map<number, PortFacts>();
  #bridge = 0;
  #maxAge = MAX_AGE;
  #listing: Listing | null = null;

  constructor(deps: PortMirrorDeps) {
    this.#deps = deps;
  }

  /** Must be called before the kernel is asked for the links. */
  begin(): Listing {
    this.#listing = { since: this.#deps.mirror.begin(), overtaken: new Set() };
    return this.#listing;
  }

  /** Takes a listing of all links, and has the packet path believe it for the time of the lease. */
  take({ since, overtaken }: Listing, all: readonly Link[]): void {
    const { bridge, ports, mirror } = this.#deps;
    const own = all.find(({ name, kind }) => name === bridge && kind === 'bridge');
    this.#bridge = own?.ifindex ?? 0;
    this.#maxAge = own?.maxAge || MAX_AGE;
    const links = new Map(all.map((link) => [link.ifindex, link]));
    for (const port of ports.all) {
      const link = links.get(port.ifindex);
      if (link !== undefined && !overtaken.has(port.ifindex))
        this.#write(port, this.#factsOf(link));
    }
    mirror.believe(since);
  }

  /** A link as the kernel tells of it. */
  onLink(link: Link): void {
    const port = this.#portOf(link.ifindex);
    if (port !== undefined && this.#bridge !== 0) this.#overtake(port, this.#factsOf(link));
  }

  /** A port's state as the bridge tells of it. */
  onState({ ifindex, state }: PortNotice): void {
    const port = this.#portOf(ifindex);
    const known = this.#facts.get(ifindex);
    if (port !== undefined && known !== undefined && known.state !== 'none') {
      this.#overtake(port, { ...known, state });
    }
  }

  /** Right before this node becomes active: what the other one said as a bridge still counts. */
  onTakeover(): void {
    if (this.#deps.stp) this.#deps.mirror.hush(this.#maxAge + LATE);
  }

  #portOf(ifindex: number): NumberedPort | undefined {
    return this.#deps.ports.all.find((each) => each.ifindex === ifindex);
  }

  #overtake(port: NumberedPort, facts: PortFacts): void {
    this.#listing?.overtaken.add(port.ifindex);
    this.#write(port, facts);
  }

  #factsOf({ master, portState, carrier, mtu }: Link): PortFacts {
    return { state: master === this.#bridge ? portState : 'none', carrier, mtu };
  }

  #write(port: NumberedPort, facts: PortFacts): void {
    const { mirror, stp, events } = this.#deps;
    this.#facts.set(port.ifindex, facts);
    const change = mirror.write(port, facts);
    if (change === undefined) return;
    if (stp && change.forwarding) mirror.forgetAddresses();
    if (!change.first) events.emit('port-state', { port: port.name, ...facts });
  }
}
