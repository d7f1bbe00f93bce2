/** Random frames on cables: what comes out of which port is what the reference model says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chance } from '../chance.js';
import { randomEpisode } from './fuzz/episode.js';
import type { Arrival } from './fuzz/frames.js';
import { episodeFixture } from './fuzz/retell.js';
import { runFixture } from './harness/fixture-run.js';
import { layCables } from './harness/network.js';
import { TestWall } from './harness/wall.js';
import { buildBridge, Wire, type WireMode } from './harness/wire.js';

const FRAMES = Math.ceil(Number(process.env.FUZZ_FRAMES ?? 100_000) / 50);
const SEED = chance('FUZZ_SEED');
const EPISODE_FRAMES = 500;
/** Native XDP on veth takes no more. */
const MTU = 3000;

let wall: TestWall;

beforeAll(() => {
  const ports = layCables(MTU);
  buildBridge(ports);
  wall = new TestWall(ports);
});

afterAll(() => wall.close());

/**
 * The kernel drops a tagged frame with less than an ethertype behind its tag before tc, and before
 * whoever listens at the far end.
 */
function isCarried({ frame }: Arrival): boolean {
  const type = frame.readUInt16BE(12);
  return frame.length >= 20 || (type !== 0x8100 && type !== 0x88a8);
}

describe.each<WireMode>(['native', 'generic', 'tc'])('%s', (mode) => {
  it(`${FRAMES} random frames, seed ${SEED}`, { timeout: 120_000 + FRAMES * 30 }, () => {
    const wire = new Wire(wall, mode);
    try {
      for (let done = 0, seed = SEED; done < FRAMES; done += EPISODE_FRAMES, seed++) {
        const episode = randomEpisode(seed, Math.min(EPISODE_FRAMES, FRAMES - done), wall.hz);
        const fixture = episodeFixture(episode, wall.hz, isCarried);
        const { problems } = runFixture(wire, fixture);
        expect(problems, fixture.name).toEqual([]);
      }
    } finally {
      wire.close();
    }
  });
});
