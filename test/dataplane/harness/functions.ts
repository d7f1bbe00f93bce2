/** The functions of an object file: what each takes of the stack, how long it is, what it calls. */
import { execFileSync } from 'node:child_process';

export const OBJECT = 'build/bpf/bridgewall.bpf.o';
/** MAX_BPF_STACK of include/linux/filter.h; the step of check_max_stack_depth, kernel/bpf/verifier.c. */
export const STACK = 512;
const STEP = 32;

export interface Frame {
  /** Of stack, below r10. */
  bytes: number;
  instructions: number;
  readonly calls: Set<string>;
}

/** What the functions of an object take and call, by name. */
export function framesOf(object: string): Map<string, Frame> {
  const listing = execFileSync('llvm-objdump', ['-dr', '--no-show-raw-insn', object], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  const frames = new Map<string, Frame>();
  let frame: Frame = { bytes: 0, instructions: 0, calls: new Set() };
  let copy = '';
  const reaches = (bytes: string) => {
    frame.bytes = Math.max(frame.bytes, Number(bytes));
  };
  for (const line of listing.split('\n')) {
    const start = /^[0-9a-f]+ <(?!LBB)(.+)>:/.exec(line);
    if (start !== null) {
      frame = { bytes: 0, instructions: 0, calls: new Set() };
      frames.set(start[1]!, frame);
    }
    if (/^ +[0-9a-f]+:\t(?!R_BPF)/.test(line)) frame.instructions++;
    for (const [, bytes] of line.matchAll(/r10 - (0x[0-9a-f]+|\d+)/g)) reaches(bytes!);
    const copied = /\t(r\d+) = r10$/.exec(line);
    if (copied !== null) copy = copied[1]!;
    const moved = /\t(r\d+) \+= -(\d+)$/.exec(line);
    if (moved !== null && moved[1] === copy) reaches(moved[2]!);
    const called = /R_BPF_64_32\s+([A-Za-z_]\w*)/.exec(line);
    if (called !== null) frame.calls.add(called[1]!);
  }
  return frames;
}

/** Bytes of the deepest chain from a function on, and its names. */
export function deepest(
  frames: Map<string, Frame>,
  name: string,
): { bytes: number; chain: string[] } {
  const frame = frames.get(name);
  if (frame === undefined) return { bytes: 0, chain: [] };
  let below: ReturnType<typeof deepest> = { bytes: 0, chain: [] };
  for (const called of frame.calls) {
    const other = deepest(frames, called);
    if (other.bytes > below.bytes) below = other;
  }
  const own = Math.max(1, Math.ceil(frame.bytes / STEP)) * STEP;
  return { bytes: own + below.bytes, chain: [`${name} ${frame.bytes}`, ...below.chain] };
}

/** Instructions of a program with all that it calls, each function once. */
export function size(frames: Map<string, Frame>, name: string): number {
  const reached = new Set([name]);
  let sum = 0;
  for (const one of reached) {
    const frame = frames.get(one);
    sum += frame?.instructions ?? 0;
    for (const called of frame?.calls ?? []) reached.add(called);
  }
  return sum;
}
