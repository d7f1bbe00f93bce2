/** Inputs of the fuzzer, as host/input.h has them, out of fixtures. */
import { FIXTURES } from '../dataplane/fixtures/index.js';
import { type Fixture, PORTS } from '../dataplane/fixtures/types.js';
import type { World } from './worlds.js';

interface InputFrame {
  readonly port: number;
  readonly pause: number;
  readonly frame: Buffer;
}

const MOST_FRAMES = 32;
const LONGEST = 2048;
const TC = 4;
/** Seconds, by the byte that stands for them in host/input.c; those that fixtures care for. */
const PAUSES = [
  [0.004, 6],
  [1, 7],
  [1.004, 8],
  [5, 9],
  [30, 10],
  [30.004, 11],
  [60, 12],
  [120.004, 13],
  [300, 14],
  [432_000, 15],
] as const;

/** What the fuzzer begins with: every fixture, as frames through XDP and through tc. */
export function seeds(worlds: readonly World[]): Buffer[] {
  return FIXTURES.flatMap((fixture) => {
    const frames = framesOf(fixture);
    const known = worlds.findIndex(({ policy }) => policy === fixture.policy);
    const world = known < 0 ? worlds.length - 1 : known;
    const pieces: Buffer[] = [];
    for (let at = 0; at < frames.length; at += MOST_FRAMES) {
      const piece = frames.slice(at, at + MOST_FRAMES);
      pieces.push(encoded(world, piece, 0), encoded(world, piece, TC));
    }
    return pieces;
  });
}

function framesOf({ steps }: Fixture): InputFrame[] {
  const frames: InputFrame[] = [];
  let [now, before] = [0, 0];
  for (const step of steps) {
    if (step.kind === 'at') now = step.seconds;
    if (step.kind !== 'frame') continue;
    const pause = PAUSES.find(([seconds]) => seconds >= now - before)?.[1] ?? 0;
    const port = PORTS.findIndex(({ name }) => name === step.port);
    frames.push({ port, pause: now > before ? pause : 0, frame: step.frame.subarray(0, LONGEST) });
    before = now;
  }
  return frames;
}

function encoded(world: number, frames: readonly InputFrame[], hook: number): Buffer {
  const pieces = frames.flatMap(({ port, pause, frame }) => {
    const head = Buffer.from([port | hook, pause, 0, 0, 0]);
    head.writeUInt16LE(frame.length, 3);
    return [head, frame];
  });
  return Buffer.concat([Buffer.from([world]), ...pieces]);
}
