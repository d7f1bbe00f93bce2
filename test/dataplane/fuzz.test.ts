/**
 * Random frames over random policies: the dataplane and the reference model agree on every verdict,
 * every phase, and everything that is left in the end. FUZZ_FRAMES sets how many frames, FUZZ_SEED where
 * the random numbers begin.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chance } from '../chance.js';
import { Comparison } from './fuzz/compare.js';
import { randomEpisode } from './fuzz/episode.js';
import { report, shrink } from './fuzz/shrink.js';
import type { Hook } from './harness/hooks.js';
import { layCables } from './harness/network.js';
import { TestWall } from './harness/wall.js';

const FRAMES = Number(process.env.FUZZ_FRAMES ?? 100_000);
const SEED = chance('FUZZ_SEED');
const EPISODE_FRAMES = 1000;
const PATIENCE_MS = 120_000 + FRAMES * 5;

let wall: TestWall;

beforeAll(() => {
  wall = new TestWall(layCables());
});

afterAll(() => wall.close());

/** Returns how often each verdict came. */
function fuzz(hook: Hook, frames: number, seed: number): ReadonlyMap<string, number> {
  const comparison = new Comparison(wall, hook);
  try {
    for (let done = 0, number = seed; done < frames; done += EPISODE_FRAMES, number++) {
      const episode = randomEpisode(number, Math.min(EPISODE_FRAMES, frames - done), wall.hz);
      const failure = comparison.run(episode);
      if (failure === undefined) continue;
      const short = shrink(comparison, episode, failure);
      expect.fail(report(short.episode, short.failure, wall.hz));
    }
    return comparison.verdicts;
  } finally {
    comparison.close();
  }
}

describe(`random frames, seed ${SEED}`, () => {
  it(`${FRAMES} frames through XDP`, { timeout: PATIENCE_MS }, () => fuzz('xdp', FRAMES, SEED));

  it(`${FRAMES / 10} frames through tc`, { timeout: PATIENCE_MS }, () =>
    fuzz('tc', Math.ceil(FRAMES / 10), SEED + 1_000_000),
  );
});
