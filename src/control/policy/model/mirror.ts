import type { Frame } from './frame.js';

/** What the wall was told of a port. */
export interface PortFacts {
  /** What the bridge does with it; `unknown`: nobody has told yet. */
  readonly state: 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking' | 'unknown';
  readonly carrier: boolean;
  /** Bytes. */
  readonly mtu: number;
}

/** Why a port cannot be left by. */
export type WayOut = 'free' | 'unknown' | 'stp' | 'carrier' | 'mtu';

const OPEN: PortFacts = { state: 'forwarding', carrier: true, mtu: Number.POSITIVE_INFINITY };
const ETHERNET_HEADER = 14;
/** The kernel lets a frame be longer than its MTU by one VLAN tag. */
const FREE_TAG = 4;

/** What is known of the kernel's ports, and until when that is believed. Times in jiffies. */
export class MirroredPorts {
  readonly #facts = new Map<number, PortFacts>();
  #until = Number.POSITIVE_INFINITY;

  set(port: number, facts: Partial<PortFacts>): void {
    this.#facts.set(port, { ...this.#of(port), ...facts });
  }

  believeUntil(until: number): void {
    this.#until = until;
  }

  /** Whether a frame that enters by a port is judged by what is known. */
  believes(port: number, now: number): boolean {
    return now < this.#until && this.#of(port).state !== 'unknown';
  }

  isForwarding(port: number): boolean {
    return this.#of(port).state === 'forwarding';
  }

  /** Is nothing known that keeps a neighbour's control frame from a port? */
  isOpen(port: number): boolean {
    return ['forwarding', 'unknown'].includes(this.#of(port).state);
  }

  wayOut(port: number, frame: Frame): WayOut {
    const { state, carrier, mtu } = this.#of(port);
    if (state === 'unknown') return 'unknown';
    if (!carrier) return 'carrier';
    if (state !== 'forwarding') return 'stp';
    return frame.length > mtu + ETHERNET_HEADER + FREE_TAG ? 'mtu' : 'free';
  }

  #of(port: number): PortFacts {
    return this.#facts.get(port) ?? OPEN;
  }
}
