/** Puts other programs into the places where programs of a wall are, each in one step of the kernel. */
import {
  BpfError,
  BpfLink,
  type BpfProgram,
  queryTc,
  type TcPlace,
} from '../../../../native/lib/index.js';
import { GATE, TC } from '../attach.js';
import type { LinkHook, PinSet } from '../pins.js';

/** The programs that stand at a port. */
export interface PortPrograms {
  readonly xdp: BpfProgram;
  /** In place of it where the program that stands there takes frames of several buffers. */
  readonly xdpFrags: BpfProgram | undefined;
  readonly tc: BpfProgram;
  readonly gate: BpfProgram;
}

/**
 * @param known ids of programs: `ours` may be replaced where no link tells whose they are, `frags` take
 *   frames of several buffers
 * @param devices ifindexes of the ports
 */
export function swapPrograms(
  pins: PinSet,
  programs: PortPrograms,
  { ours, frags }: { readonly ours: ReadonlySet<number>; readonly frags: ReadonlySet<number> },
  devices: Iterable<number>,
): void {
  const linked: [LinkHook, BpfProgram][] = [
    ['tcx', programs.tc],
    ['xdp', programs.xdp],
    ['gate', programs.gate],
  ];
  const known = new Set(devices);
  for (const [hook, plain] of linked) {
    for (const number of pins.links(hook)) {
      using link = BpfLink.adopt(pins.link(number, hook));
      const { ifindex, programId } = link.info;
      if (ifindex === 0) continue;
      known.add(ifindex);
      const inPieces = hook === 'xdp' && frags.has(programId);
      const program = inPieces ? (programs.xdpFrags ?? plain) : plain;
      if (programId !== program.info.id) unlessGone(() => link.update(program));
    }
  }
  for (const ifindex of known) {
    swapFilter({ ifindex, ...TC }, programs.tc, ours);
    swapFilter({ ifindex, ...GATE }, programs.gate, ours);
  }
}

function swapFilter(place: TcPlace, program: BpfProgram, ours: ReadonlySet<number>): void {
  unlessGone(() => {
    const there = queryTc(place)?.programId;
    if (there === undefined || there === program.info.id || !ours.has(there)) return;
    program.attachTc({ ...place, replace: true });
  });
}

/** A device may go at any time, and what was attached to it goes along. */
function unlessGone(work: () => void): void {
  try {
    work();
  } catch (error) {
    const gone = ['ENODEV', 'ENOLINK', 'ENOENT'];
    if (!(error instanceof BpfError) || !gone.includes(error.code)) throw error;
  }
}
