/** Which hook the dataplane takes: the choice itself, without touching a device. */

/** How the node file asks for it. */
export type AttachWish = 'auto' | 'xdp' | 'generic' | 'tc';
/** How it is done, one for all ports of a bridge; the tc program is there in every mode. */
export type AttachMode = 'xdp' | 'generic' | 'tc';

export interface ModeReason {
  readonly mode: AttachMode;
  /** Why, by port name. */
  readonly why: ReadonlyMap<string, string>;
}

export interface DriverOfPort {
  readonly name: string;
  /** Driver, or kind of a virtual device: `ixgbe`, `veth`, `tun`, `virtio_net`. */
  readonly driver: string;
}

/**
 * Drivers that have native XDP, which loses more than it gains there; and well-known ones that have
 * none, for which trying costs the VLAN offload, and with it the link for some seconds.
 */
const UNFIT = new Map([
  ['veth', 'veth has no native XDP worth using'],
  ['tun', 'tun and tap have no native XDP worth using'],
  ['tap', 'tun and tap have no native XDP worth using'],
  ['virtio_net', 'virtio_net has no native XDP worth using'],
  ['e1000', 'e1000 has no native XDP'],
  ['e1000e', 'e1000e has no native XDP'],
]);

function everyPort(
  ports: readonly DriverOfPort[],
  mode: AttachMode,
  why: (port: DriverOfPort) => string,
): ModeReason {
  return { mode, why: new Map(ports.map((port) => [port.name, `${mode}: ${why(port)}`])) };
}

/** The mode to begin with. `xdp` chosen by `auto` is a try: see tcInstead. */
export function firstMode(wish: AttachWish, ports: readonly DriverOfPort[]): ModeReason {
  if (wish !== 'auto') return everyPort(ports, wish, () => `asked for by attach: ${wish}`);
  // Of a wall that stands and has lost every device: tc suits whatever comes back.
  if (ports.length === 0) return everyPort(ports, 'tc', () => '');
  const unfit = ports.find((port) => UNFIT.has(port.driver));
  if (unfit === undefined) {
    return everyPort(ports, 'xdp', (port) => `${port.driver || 'the driver'} has native XDP`);
  }
  return everyPort(ports, 'tc', (port) => {
    const own = UNFIT.get(port.driver);
    return own ?? `one mode for all ports, and ${unfit.name} is ${unfit.driver}`;
  });
}

/** What `auto` falls back to once a port has refused native XDP. */
export function tcInstead(
  ports: readonly DriverOfPort[],
  refusing: DriverOfPort,
  words: string,
): ModeReason {
  return everyPort(ports, 'tc', (port) =>
    port.name === refusing.name
      ? `${port.driver || 'the driver'} refused native XDP (${words})`
      : `one mode for all ports, and ${refusing.name} refused native XDP`,
  );
}
