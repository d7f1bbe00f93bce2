/**
 * Ports as the packet path knows them, by number. A port keeps its number for as long as its
 * device lives, because counters and learned addresses go by it.
 */
import type { BpfMap } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import type { ReservedConfig } from '../config/index.js';
import { DataplaneError } from './errors.js';
import type { FragSupport, FrameLimits } from './mode.js';
import { type Dataplane, index } from './object.js';

const { Limits, Outcome, PortFlags, PortState, ReservedAction, Side } = layouts;

const RESERVED_ACTIONS = {
  drop: ReservedAction.DROP,
  forward: ReservedAction.FORWARD,
  kernel: ReservedAction.KERNEL,
} as const;

/** Where frames are sent from: programs that take several buffers have a map of their own. */
const DEVICE_MAPS = ['tx_ports', 'tx_ports_frags'] as const;
const WAYS_STEP = 1n << 32n;

/** A device that is to be a port. */
export interface PortDevice {
  readonly name: string;
  readonly side: 'uplink' | 'inside';
  readonly ifindex: number;
  /** `aa:bb:cc:dd:ee:ff` */
  readonly mac: string;
  /** Driver, or kind of a virtual device. */
  readonly driver: string;
}

export interface NumberedPort extends PortDevice {
  readonly number: number;
}

/** Numbers by name. */
export function portNumbers(ports: readonly NumberedPort[]): Map<string, number> {
  return new Map(ports.map(({ name, number }) => [name, number]));
}

/** Of a port without a device. */
export const NO_MAC = '00:00:00:00:00:00';

/** A port whose device is gone, and not known any more. */
export function absentPort(name: string, side: PortDevice['side']): PortDevice {
  return { name, side, ifindex: 0, mac: NO_MAC, driver: '' };
}

export function hasDevice(port: Pick<PortDevice, 'ifindex'>): boolean {
  return port.ifindex !== 0;
}

/** What the node file says to the packet path. */
export interface NodeSettings {
  readonly bridgeMac: string;
  readonly logRate: number;
  /** TCP segments out of window pass, and are counted. */
  readonly liberal: boolean;
  readonly counters: boolean;
  readonly reserved: ReservedConfig;
}

/** Bytes of a MAC written with colons. */
export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}

/**
 * Numbers for devices: the one that `held` (number by ifindex) has for it, else the lowest free one.
 * @throws DataplaneError `too-many-ports`
 */
export function numberPorts(
  devices: readonly PortDevice[],
  held: ReadonlyMap<number, number>,
  limit: number,
): NumberedPort[] {
  const taken = new Set(devices.flatMap((device) => held.get(device.ifindex) ?? []));
  let next = 0;
  return devices.map((device) => {
    let number = held.get(device.ifindex);
    if (number === undefined) {
      while (taken.has(next)) next++;
      number = next;
      taken.add(number);
    }
    if (number >= limit) {
      throw new DataplaneError('too-many-ports', `a bridge has at most ${limit} ports`);
    }
    return { ...device, number };
  });
}

function pinnedPorts(dataplane: Dataplane): layouts.Port[] {
  const list = dataplane.map('port_list');
  const ports: layouts.Port[] = [];
  for (let number = 0; number < Limits.MAX_PORTS; number++) {
    const value = list.lookup(index(number));
    const port = value && layouts.port.decode(value);
    if (port && port.ifindex !== 0) ports.push({ ...port, number });
  }
  return ports;
}

/**
 * Writes the ports; those that are no longer named leave, and one without a device gets a number and
 * nothing else. Returns them with their numbers, and the ifindexes of those that left.
 */
export function writePorts(
  dataplane: Dataplane,
  devices: readonly PortDevice[],
): { ports: NumberedPort[]; gone: number[] } {
  const before = pinnedPorts(dataplane);
  const held = new Map(before.map((port) => [port.ifindex, port.number]));
  const ports = numberPorts(devices, held, Limits.MAX_PORTS);
  const living = new Set(ports.map((port) => port.ifindex));
  const gone = before.filter((port) => !living.has(port.ifindex));
  for (const port of gone) withdrawPort(dataplane, port);
  // What was learned behind a port that left would send frames to whoever gets its number next.
  if (gone.length > 0) forgetAddresses(dataplane);
  for (const port of ports) {
    if (!held.has(port.ifindex)) clearCounters(dataplane, port.number);
    if (hasDevice(port)) writePort(dataplane, port);
  }
  return { ports, gone: gone.map((port) => port.ifindex) };
}

/**
 * Makes a device the port of its number; its counters and what was learned behind it stay, and what
 * was mirrored of it when it is the same device.
 */
export function writePort(dataplane: Dataplane, port: NumberedPort): void {
  const before = layouts.port.decode(dataplane.map('port_list').lookup(index(port.number))!);
  const same = before.ifindex === port.ifindex;
  const value = layouts.port.encode({
    ifindex: port.ifindex,
    number: port.number,
    side: port.side === 'uplink' ? Side.UPLINK : Side.INSIDE,
    flags: same ? before.flags : 0,
    mac: macBytes(port.mac),
    state: same ? before.state : PortState.UNKNOWN,
    carrier: same ? before.carrier : 0,
    mtu: same ? before.mtu : 0,
    pad: 0,
  });
  for (const map of DEVICE_MAPS) {
    dataplane.map(map).update(index(port.number), index(port.ifindex));
  }
  dataplane.map('port_list').update(index(port.number), value);
  dataplane.map('ports').update(index(port.ifindex), value);
}

/** Tells the packet path what the driver of a port makes of frames of several buffers. */
export function writeFrags(
  dataplane: Dataplane,
  { number, ifindex }: Pick<NumberedPort, 'ifindex' | 'number'>,
  { takes, sends }: FragSupport,
): void {
  const list = dataplane.map('port_list');
  const before = layouts.port.decode(list.lookup(index(number))!);
  const flags = (takes ? PortFlags.TAKES_FRAGS : 0) | (sends ? PortFlags.SENDS_FRAGS : 0);
  if (before.ifindex !== ifindex || before.flags === flags) return;
  list.update(index(number), layouts.port.encode({ ...before, flags }));
}

/** The same as it was told, of every port that has its device. */
export function frameLimits(
  dataplane: Dataplane,
  ports: readonly Pick<NumberedPort, 'name' | 'ifindex' | 'number'>[],
): FrameLimits[] {
  return ports.filter(hasDevice).flatMap(({ name, number, ifindex }) => {
    const port = layouts.port.decode(dataplane.map('port_list').lookup(index(number))!);
    if (port.ifindex !== ifindex) return [];
    const has = (flag: number) => (port.flags & flag) !== 0;
    const [takes, sends] = [has(PortFlags.TAKES_FRAGS), has(PortFlags.SENDS_FRAGS)];
    return [{ name, mtu: port.mtu, takes, sends }];
  });
}

/** A port that is none any more: nothing is accepted from its device, nothing goes there. */
export function withdrawPort(
  dataplane: Dataplane,
  port: Pick<NumberedPort, 'ifindex' | 'number'>,
): void {
  dataplane.map('ports').delete(index(port.ifindex));
  for (const map of DEVICE_MAPS) dataplane.map(map).delete(index(port.number));
  dataplane.map('port_list').update(index(port.number), Buffer.alloc(layouts.port.size));
}

function clearCounters(dataplane: Dataplane, number: number): void {
  const outcomes = dataplane.map('outcomes');
  const zero = Buffer.alloc(perCpuSize(dataplane));
  const last = Outcome.DROP + dataplane.reasons.count;
  for (let outcome = 0; outcome < last; outcome++) {
    outcomes.update(index(number * Limits.OUTCOME_STRIDE + outcome), zero);
  }
}

function forgetAddresses(dataplane: Dataplane): void {
  const fdb = dataplane.map('fdb');
  const learned = [...fdb.entries()];
  for (const { keys, count } of learned) fdb.deleteBatch(keys, count);
  for (let number = 0; number < Limits.MAX_PORTS; number++) {
    dataplane.map('fdb_counts').update(index(number), Buffer.alloc(4));
  }
  forgetWays(dataplane.map('fdb_changes'));
}

/**
 * What the packet path remembers of the table of MACs holds no more (bpf/ways.h). It counts changes
 * itself meanwhile: a step that it cannot make leads to a number that it has never had.
 */
export function forgetWays(changes: BpfMap): void {
  changes.storeWord(0, BigInt.asUintN(64, changes.loadWord(0) + WAYS_STEP));
}

function perCpuSize(dataplane: Dataplane): number {
  return dataplane.map('outcomes').lookup(index(0))!.length;
}

/** Writes the node's own settings and the MACs of the bridge and its ports. */
export function writeNode(
  dataplane: Dataplane,
  ports: readonly NumberedPort[],
  settings: NodeSettings,
): void {
  const macs = [settings.bridgeMac, ...ports.filter(hasDevice).map((port) => port.mac)];
  const own = dataplane.map('self_macs');
  const wanted = new Set(macs);
  for (const { keys, count } of own.entries()) {
    for (let i = 0; i < count; i++) {
      const key = keys.subarray(i * layouts.macKey.size, (i + 1) * layouts.macKey.size);
      const mac = Array.from(key.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0'));
      if (!wanted.has(mac.join(':'))) own.delete(key);
    }
  }
  let bloom = 0n;
  for (const mac of macs) {
    const bytes = macBytes(mac);
    own.update(layouts.macKey.encode({ mac: bytes, pad: new Uint8Array(2) }), index(1));
    bloom |= 1n << BigInt(bytes[5]! & 63);
  }
  const action = (name: keyof ReservedConfig) => RESERVED_ACTIONS[settings.reserved[name]];
  const value = layouts.node.encode({
    selfBloom: bloom,
    logRate: settings.logRate,
    // An even share each, so that no port can fill the table for all.
    fdbQuota: Math.floor(dataplane.map('fdb').info.maxEntries / Math.max(1, ports.length)),
    bpdu: action('bpdu'),
    lldp: action('lldp'),
    lacp: action('lacp'),
    eapol: action('eapol'),
    liberal: settings.liberal ? 1 : 0,
    counters: settings.counters ? 1 : 0,
    pad: new Uint8Array(2),
  });
  dataplane.map('node').update(index(0), value);
}
