/** The ports of the running wall: their numbers stay, the devices behind them may change. */
import type { NumberedPort } from '../../dataplane/index.js';

export class PortTable {
  #ports: readonly NumberedPort[];

  constructor(ports: readonly NumberedPort[]) {
    this.#ports = ports;
  }

  /** Every port, in the order of the node file; one whose device is gone keeps its last facts. */
  get all(): readonly NumberedPort[] {
    return this.#ports;
  }

  /** Name of the port with this device; '' when there is none. */
  nameOf(ifindex: number): string {
    return this.#ports.find((port) => port.ifindex === ifindex)?.name ?? '';
  }

  /** Gives the port of the same number other facts. */
  replace(changed: NumberedPort): void {
    this.#ports = this.#ports.map((port) => (port.number === changed.number ? changed : port));
  }
}
