/**
 * Programs onto ports. The tc program is on every port in every mode: it judges what XDP did not
 * see, and turns XDP's word into a mark. XDP programs are held by pinned links, so they stay when
 * the daemon goes; a link that is right already is not touched. Where the kernel has tcx (6.6) the tc
 * program is on the port twice, by a link before all qdiscs and as a filter: the first decides, the
 * second steps in when somebody takes the link away, and the other way round. The gate stands at the
 * egress of every port, by such a link too, or as a filter on an older kernel.
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
import {
  type AttachMode,
  type AttachWish,
  type FragSupport,
  firstMode,
  fragsTrouble,
  type ModeReason,
  tcForLarge,
  tcInstead,
} from './mode.js';
import type { Dataplane } from './object.js';
import { LINK_HOOKS, type LinkHook, type PinSet } from './pins.js';
import { hasDevice, type NumberedPort, writeFrags } from './ports.js';

/** Where the tc program hangs on a port: fixed, so that it can be found again. */
export const TC = { direction: 'ingress', handle: 0xb1, priority: 1 } as const;
/** By XDP mode. Generic XDP loses track of the headers where a program takes several buffers. */
const XDP_PROGRAM = { native: 'xdp_wall_frags', generic: 'xdp_wall' } as const;
const TRACING = ['redirect_failed', 'transmit_failed'] as const;
export const GATE = { ...TC, direction: 'egress' } as const;

/** What attaching needs of the machine besides the dataplane. */
export interface AttachDeps {
  readonly pins: PinSet;
  /** Keeps the NIC from taking VLAN tags off a frame before XDP sees it. */
  keepVlanTags(port: string): Promise<void>;
  /** What a port's driver makes of frames of several buffers, with the programs that it has now. */
  fragSupport(port: NumberedPort): Promise<FragSupport>;
}

/** What keeping programs attached needs besides. */
export interface KeepDeps extends AttachDeps {
  /** Takes an XDP program that is not ours off a port. */
  clearXdp(port: NumberedPort, mode: XdpMode): Promise<void>;
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
  deps: AttachDeps & { mtuOf(port: string): number },
): Promise<ModeReason> {
  dropOldLinks(ports, deps.pins);
  attachTracing(dataplane, deps.pins);
  for (const ifindex of gone) detachTcProgram(ifindex);
  for (const port of ports) {
    attachFilter(dataplane, port, 'tc_wall');
    attachTcx(dataplane, port, 'tcx', deps.pins);
    attachGate(dataplane, port, deps.pins);
  }
  const first = firstMode(wish, ports);
  if (first.mode === 'tc') {
    for (const port of ports) dropLink(port.number, 'xdp', deps.pins);
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
      for (const other of ports) dropLink(other.number, 'xdp', deps.pins);
      return tcInstead(ports, port, words);
    }
  }
  if (first.mode !== 'xdp') return first;
  const frags = await tellFrags(dataplane, ports, deps);
  const limits = [...frags].map(([name, own]) => ({ name, mtu: deps.mtuOf(name), ...own }));
  const trouble = fragsTrouble(limits);
  if (trouble === undefined || wish !== 'auto') return first;
  for (const port of ports) dropLink(port.number, 'xdp', deps.pins);
  return tcForLarge(ports, trouble);
}

/** Tells the packet path which ports send large frames from XDP; drivers may say so only once it is attached. */
export async function tellFrags(
  dataplane: Dataplane,
  ports: readonly NumberedPort[],
  deps: Pick<AttachDeps, 'fragSupport'>,
): Promise<ReadonlyMap<string, FragSupport>> {
  const told = new Map<string, FragSupport>();
  for (const port of ports) {
    const own = await deps.fragSupport(port);
    writeFrags(dataplane, port, own);
    told.set(port.name, own);
  }
  return told;
}

/**
 * Puts back what somebody took off a port. Resolves with what was missing, none when all is there.
 * @throws DataplaneError, BpfError, NetlinkError
 */
export async function keepAttached(
  dataplane: Dataplane,
  port: NumberedPort,
  mode: AttachMode,
  deps: KeepDeps,
): Promise<('tc' | LinkHook)[]> {
  const missing: ('tc' | LinkHook)[] = [];
  if (attachGate(dataplane, port, deps.pins)) missing.push('gate');
  // It judges by itself, and what XDP judged needs it.
  if (attachTcx(dataplane, port, 'tcx', deps.pins) === 'attached') missing.push('tcx');
  if (attachFilter(dataplane, port, 'tc_wall')) missing.push('tc');
  if (mode === 'tc' || attachedMode(dataplane, port.ifindex) === mode) return missing;
  await deps.keepVlanTags(port.name);
  dropLink(port.number, 'xdp', deps.pins);
  const there = queryXdp(port.ifindex);
  if (there.mode !== 'none') await deps.clearXdp(port, there.mode);
  attachXdp(dataplane, port, mode === 'xdp' ? 'native' : 'generic', deps.pins);
  missing.push('xdp');
  return missing;
}

/** The mode that a port is in now, by what the kernel says; `none`: no program of ours; `gone`: no such device. */
export function attachedMode(dataplane: Dataplane, ifindex: number): AttachMode | 'none' | 'gone' {
  if (!hasDevice({ ifindex })) return 'gone';
  try {
    return modeOf(dataplane, ifindex);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENODEV') return 'gone';
    throw error;
  }
}

function modeOf(dataplane: Dataplane, ifindex: number): AttachMode | 'none' {
  const xdp = queryXdp(ifindex);
  const walls = ['xdp_wall', 'xdp_wall_frags'] as const;
  if (walls.some((name) => xdp.programId === dataplane.program(name).info.id)) {
    return xdp.mode === 'generic' ? 'generic' : 'xdp';
  }
  const tc = queryTc({ ifindex, ...TC });
  return tc?.programId === dataplane.program('tc_wall').info.id ? 'tc' : 'none';
}

/** Takes the filters off a port; true when it was one of a wall. Its device may have gone. */
export function detachTcProgram(ifindex: number): boolean {
  try {
    return detachFilters(ifindex);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENODEV') return false;
    throw error;
  }
}

function detachFilters(ifindex: number): boolean {
  for (const place of [GATE, TC]) {
    if (queryTc({ ifindex, ...place }) === undefined) continue;
    const off = detachTc({ ifindex, ...place });
    if (place === TC) return off;
  }
  return false;
}

/** Takes every program off a device that is to be a port no more; it may have gone. */
export function detachPort(port: Pick<NumberedPort, 'ifindex' | 'number'>, pins: PinSet): void {
  for (const hook of LINK_HOOKS) dropLink(port.number, hook, pins);
  detachTcProgram(port.ifindex);
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

/** Detaches every link that is pinned, and removes the pins. */
export function detachLinks(pins: PinSet): void {
  for (const hook of LINK_HOOKS) {
    for (const number of pins.links(hook)) dropLink(number, hook, pins);
  }
}

/** True when the filter was missing and is there now. */
function attachFilter(
  dataplane: Dataplane,
  port: NumberedPort,
  name: 'tc_wall' | 'gate_wall',
): boolean {
  const program = dataplane.program(name);
  const place = { ifindex: port.ifindex, ...(name === 'tc_wall' ? TC : GATE) };
  const there = queryTc(place);
  if (there?.programId === program.info.id) return false;
  try {
    program.attachTc({ ...place, replace: there !== undefined });
    return true;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new DataplaneError('attach', `${port.name}: cannot attach ${name} in tc: ${words}`, {
      cause: error,
    });
  }
}

/** True when the gate was missing and is there now. */
function attachGate(dataplane: Dataplane, port: NumberedPort, pins: PinSet): boolean {
  const done = attachTcx(dataplane, port, 'gate', pins);
  return done === 'unsupported' ? attachFilter(dataplane, port, 'gate_wall') : done === 'attached';
}

function attachXdp(dataplane: Dataplane, port: NumberedPort, mode: XdpMode, pins: PinSet): void {
  const program = dataplane.program(XDP_PROGRAM[mode]);
  const path = pins.link(port.number, 'xdp');
  if (existsSync(path)) {
    const now = queryXdp(port.ifindex);
    using link = BpfLink.adopt(path);
    const { ifindex, programId } = link.info;
    const there = ifindex === port.ifindex && now.programId === programId && now.mode === mode;
    if (there && programId !== program.info.id) link.update(program);
    if (there) return;
    dropLink(port.number, 'xdp', pins);
  }
  using link = program.attachXdp(port.ifindex, mode);
  link.pin(path);
}

/** What counts frames that were not sent. Returns the programs that were missing and are there now. */
export function attachTracing(dataplane: Dataplane, pins: PinSet): string[] {
  return TRACING.filter((name) => attachTracingProgram(dataplane, name, pins));
}

/** True when it was missing and is there now. */
export function attachTracingProgram(
  dataplane: Dataplane,
  name: (typeof TRACING)[number] | 'read_expectations',
  pins: PinSet,
): boolean {
  const program = dataplane.program(name);
  const path = pins.tracing(name);
  const old = pins.opened.at(path);
  if (old !== undefined) {
    if (old.info.programId === program.info.id) return false;
    // Such a link takes no other program.
    pins.opened.forget(path);
    unlinkSync(path);
  }
  using link = program.attachTracing();
  link.pin(path);
  return old === undefined;
}

/** A link before all qdiscs; an older kernel than 6.6 has no such place. */
function attachTcx(
  dataplane: Dataplane,
  port: NumberedPort,
  hook: 'tcx' | 'gate',
  pins: PinSet,
): 'there' | 'attached' | 'unsupported' {
  const program = dataplane.program(hook === 'tcx' ? 'tc_wall' : 'gate_wall');
  const path = pins.link(port.number, hook);
  const there = pins.opened.at(path);
  if (there !== undefined) {
    const { ifindex, programId } = there.info;
    if (ifindex === port.ifindex) {
      if (programId !== program.info.id) there.update(program);
      return 'there';
    }
    dropLink(port.number, hook, pins);
  }
  try {
    using link = program.attachTcx(port.ifindex, hook === 'tcx' ? 'ingress' : 'egress');
    link.pin(path);
    return 'attached';
  } catch (error) {
    if (error instanceof BpfError && error.code === 'EINVAL') return 'unsupported';
    throw error;
  }
}

/** Links of numbers that no port has any more. */
function dropOldLinks(ports: readonly NumberedPort[], pins: PinSet): void {
  const living = new Set(ports.map((port) => port.number));
  for (const hook of LINK_HOOKS) {
    for (const number of pins.links(hook)) {
      if (!living.has(number)) dropLink(number, hook, pins);
    }
  }
}

function dropLink(number: number, hook: LinkHook, pins: PinSet): void {
  const path = pins.link(number, hook);
  pins.opened.forget(path);
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
