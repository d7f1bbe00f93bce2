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

/** What a driver makes of frames that lie in several buffers, as large ones do. */
export interface FragSupport {
  /** It may hand such to XDP. */
  readonly takes: boolean;
  /** It sends such from XDP. */
  readonly sends: boolean;
}

/** The same of a port, by its name and MTU. */
export interface FrameLimits extends FragSupport {
  readonly name: string;
  readonly mtu: number;
}

/** What is assumed where the kernel does not tell (before 6.3): there it redirects none. */
export const UNKNOWN_FRAGS: FragSupport = { takes: true, sends: false };

/** Bytes. With a larger one, which frames fit into one buffer is the driver's secret. */
const ONE_BUFFER_MTU = 1536;

/** Why frames may come to XDP that it cannot send on by itself, in words; undefined: there will be none. */
export function fragsTrouble(ports: readonly FrameLimits[]): string | undefined {
  for (const from of ports) {
    if (from.mtu <= ONE_BUFFER_MTU || !from.takes) continue;
    const to = ports.find(({ name, sends }) => name !== from.name && !sends);
    if (to === undefined) continue;
    const where = `frames from ${from.name} (MTU ${from.mtu})`;
    return `${where} may take several buffers, which XDP cannot send by ${to.name}`;
  }
  return undefined;
}

/** What `auto` falls back to when frames would come that XDP cannot send on. */
export function tcForLarge(ports: readonly DriverOfPort[], trouble: string): ModeReason {
  return everyPort(ports, 'tc', () => trouble);
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
