/**
 * Linux 6.1 gives a chain of functions 512 bytes of stack, each in whole steps of 32; newer kernels count
 * more kindly, so that a program which loads here may not load there. What each function takes is read
 * from the object: how far below r10 it reaches.
 */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const OBJECT = 'build/bpf/bridgewall.bpf.o';
/** MAX_BPF_STACK of include/linux/filter.h; the step of check_max_stack_depth, kernel/bpf/verifier.c. */
const [STACK, STEP] = [512, 32];

interface Frame {
  bytes: number;
  readonly calls: Set<string>;
}

/** What the functions of an object take and call, by name. */
function framesOf(listing: string): Map<string, Frame> {
  const frames = new Map<string, Frame>();
  let frame: Frame = { bytes: 0, calls: new Set() };
  let copy = '';
  const reaches = (bytes: string) => {
    frame.bytes = Math.max(frame.bytes, Number(bytes));
  };
  for (const line of listing.split('\n')) {
    const start = /^[0-9a-f]+ <(?!LBB)(.+)>:/.exec(line);
    if (start !== null) {
      frame = { bytes: 0, calls: new Set() };
      frames.set(start[1]!, frame);
    }
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
function deepest(frames: Map<string, Frame>, name: string): { bytes: number; chain: string[] } {
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

it('fits into what Linux 6.1 gives to a chain of functions', () => {
  const listing = execFileSync('llvm-objdump', ['-dr', '--no-show-raw-insn', OBJECT], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  const frames = framesOf(listing);
  expect(frames.get('judge')!.calls).toContain('track');
  expect(frames.get('tcp_follow')!.bytes).toBeGreaterThan(0);
  const tooDeep = [...frames.keys()]
    .map((name) => deepest(frames, name))
    .filter(({ bytes }) => bytes > STACK);
  expect(tooDeep).toEqual([]);
});
