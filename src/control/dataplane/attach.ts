/**
 * Programs onto ports. The tc program is on every port in every mode: it judges what XDP did not
 * see, and turns XDP's word into a mark. XDP programs are held by pinned links, so they stay when
 * the daemon goes; a link that is right already is not touched.
 */
import { existsSync, unlinkSync } from 'node:fs';
import {
  BpfError,
  BpfLink,
  BpfProgram,
  detachTc,
  queryTc,
  queryXdp,
  type XdpMode,
} from '../../../native/lib/index.js';
import { DataplaneError } from './errors.js';
import { type AttachMode, type AttachWish, firstMode, type ModeReason, tcInstead } from './mode.js';
import type { Dataplane } from './object.js';
import type { PinSet } from './pins.js';
import type { NumberedPort } from './ports.js';

/** Where the tc program hangs on a port: fixed, so that it can be found again. */
const TC = { direction: 'ingress', handle: 0xb1, priority: 1 } as const;

/** What attaching needs of the machine besides the dataplane. */
export interface AttachDeps {
  readonly pins: PinSet;
  /** Keeps the NIC from taking VLAN tags off a frame before XDP sees it. */
  keepVlanTags(port: string): Promise<void>;
}

/**
 * Brings every port to one mode and says why it is that one. Ports that have left the bridge
 * (`gone`: their ifindexes) lose their programs.
 * @throws DataplaneError `attach`
 */
export async function attachAll(
  dataplane: Dataplane,
  ports: readonly NumberedPort[],
  gone: readonly number[],
  wish: AttachWish,
  deps: AttachDeps,
): Promise<ModeReason> {
  dropOldLinks(ports, deps.pins);
  for (const ifindex of gone) detachTcProgram(ifindex);
  for (const port of ports) attachTcProgram(dataplane, port);
  const first = firstMode(wish, ports);
  if (first.mode === 'tc') {
    for (const port of ports) dropLink(port.number, deps.pins);
    return first;
  }
  for (const port of ports) await deps.keepVlanTags(port.name);
  for (const port of ports) {
    try {
      attachXdp(dataplane, port, first.mode === 'xdp' ? 'native' : 'generic', deps.pins);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      if (wish !== 'auto') {
        throw new DataplaneError(
          'attach',
          `${port.name}: cannot attach in ${first.mode} mode: ${words}`,
          {
            cause: error,
          },
        );
      }
      for (const other of ports) dropLink(other.number, deps.pins);
      return tcInstead(ports, port, words);
    }
  }
  return first;
}

/** The mode that a port is in now, by what the kernel says; undefined: no program of ours. */
export function attachedMode(dataplane: Dataplane, ifindex: number): AttachMode | undefined {
  const xdp = queryXdp(ifindex);
  if (xdp.programId === dataplane.program('xdp_wall').info.id) {
    return xdp.mode === 'generic' ? 'generic' : 'xdp';
  }
  const tc = queryTc({ ifindex, ...TC });
  return tc?.programId === dataplane.program('tc_wall').info.id ? 'tc' : undefined;
}

/** Takes the tc program off a port; true when there was one. */
export function detachTcProgram(ifindex: number): boolean {
  return queryTc({ ifindex, ...TC }) !== undefined && detachTc({ ifindex, ...TC });
}

/** Id of the program that stands where the tc program of a wall stands; undefined: none does. */
export function tcProgramId(ifindex: number): number | undefined {
  return queryTc({ ifindex, ...TC })?.programId;
}

/** Id of the pinned tc program; undefined: none is pinned. */
export function pinnedTcProgram(pins: PinSet): number | undefined {
  const path = pins.program('tc_wall');
  if (!existsSync(path)) return undefined;
  using program = BpfProgram.adopt(path);
  return program.info.id;
}

/** Detaches every XDP link that is pinned, and removes the pins. */
export function detachLinks(pins: PinSet): void {
  for (const number of pins.links()) dropLink(number, pins);
}

function attachTcProgram(dataplane: Dataplane, port: NumberedPort): void {
  const program = dataplane.program('tc_wall');
  const there = queryTc({ ifindex: port.ifindex, ...TC });
  if (there?.programId === program.info.id) return;
  try {
    program.attachTc({ ifindex: port.ifindex, ...TC, replace: there !== undefined });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new DataplaneError('attach', `${port.name}: cannot attach the tc program: ${words}`, {
      cause: error,
    });
  }
}

function attachXdp(dataplane: Dataplane, port: NumberedPort, mode: XdpMode, pins: PinSet): void {
  const program = dataplane.program('xdp_wall');
  const path = pins.link(port.number);
  if (existsSync(path)) {
    const now = queryXdp(port.ifindex);
    using link = BpfLink.adopt(path);
    const ours = link.info.ifindex === port.ifindex && link.info.programId === program.info.id;
    if (ours && now.programId === program.info.id && now.mode === mode) return;
    dropLink(port.number, pins);
  }
  using link = program.attachXdp(port.ifindex, mode);
  link.pin(path);
}

/** Links of numbers that no port has any more. */
function dropOldLinks(ports: readonly NumberedPort[], pins: PinSet): void {
  const living = new Set(ports.map((port) => port.number));
  for (const number of pins.links()) if (!living.has(number)) dropLink(number, pins);
}

function dropLink(number: number, pins: PinSet): void {
  const path = pins.link(number);
  if (!existsSync(path)) return;
  using link = BpfLink.adopt(path);
  try {
    link.detach();
  } catch (error) {
    // The device has gone, and the attachment with it.
    if (!(error instanceof BpfError)) throw error;
  }
  unlinkSync(path);
}
