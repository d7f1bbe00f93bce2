/** The packet path's ends of the side bridge: programs at its ports, and where they are. */
import { existsSync, unlinkSync } from 'node:fs';
import { BpfError, BpfLink, queryTc } from '../../../native/lib/index.js';
import * as layouts from '../../generated/layouts.js';
import { attachTracingProgram, GATE } from './attach.js';
import { type Dataplane, index } from './object.js';
import type { PinSet } from './pins.js';

/** ifindexes. */
export interface DetourPlace {
  readonly in: number;
  readonly out: number;
  /** The wall's own bridge. */
  readonly bridge: number;
}

/**
 * Attaches what is missing, and then lets the packet path use it. Returns the programs that were missing
 * and are there now. @throws BpfError
 */
export function openDetour(dataplane: Dataplane, place: DetourPlace, pins: PinSet): string[] {
  const attached = [
    ...(attachEgress(dataplane, 'detour_out', place.out, pins) ? ['detour_out'] : []),
    ...(attachEgress(dataplane, 'detour_end', place.in, pins) ? ['detour_end'] : []),
    ...(attachTracingProgram(dataplane, 'read_expectations', pins) ? ['read_expectations'] : []),
  ];
  const value = layouts.detour.encode({ ...place, pad: 0 });
  const before = dataplane.map('detour').lookup(index(0));
  if (before?.equals(value) !== true) dataplane.map('detour').update(index(0), value);
  return attached;
}

/** By a link before all qdiscs, or a filter where the kernel has none. True when it was missing. */
function attachEgress(
  dataplane: Dataplane,
  name: 'detour_out' | 'detour_end',
  ifindex: number,
  pins: PinSet,
): boolean {
  const program = dataplane.program(name);
  const path = pins.tracing(name);
  if (existsSync(path)) {
    using link = BpfLink.adopt(path);
    const { info } = link;
    if (info.ifindex === ifindex) {
      if (info.programId !== program.info.id) link.update(program);
      return false;
    }
    unlinkSync(path);
  }
  try {
    using link = program.attachTcx(ifindex, 'egress');
    link.pin(path);
    return true;
  } catch (error) {
    if (!(error instanceof BpfError && error.code === 'EINVAL')) throw error;
  }
  const there = queryTc({ ifindex, ...GATE });
  if (there?.programId === program.info.id) return false;
  program.attachTc({ ifindex, ...GATE, replace: there !== undefined });
  return true;
}
