/**
 * Random connections under rates and limits: dataplane and reference model agree on every one, and what is
 * counted as held is what a recount finds. FUZZ_FRAMES and FUZZ_SEED as in fuzz.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chance } from '../chance.js';
import { busyEpisode } from './fuzz/busy.js';
import { Comparison } from './fuzz/compare.js';
import { report, shrink } from './fuzz/shrink.js';
import type { Hook } from './harness/hooks.js';
import { layCables } from './harness/network.js';
import { TestWall } from './harness/wall.js';

const FRAMES = Math.ceil(Number(process.env.FUZZ_FRAMES ?? 100_000) / 10);
const SEED = chance('FUZZ_SEED');
const EPISODE_FRAMES = 500;

let wall: TestWall;

beforeAll(() => {
  wall = new TestWall(layCables());
});
afterAll(() => wall.close());

describe.each<Hook>(['xdp', 'tc'])('%s', (hook) => {
  it(`${FRAMES} frames, seed ${SEED}`, { timeout: 120_000 + FRAMES * 30 }, () => {
    const comparison = new Comparison(wall, hook);
    try {
      for (let done = 0, seed = SEED; done < FRAMES; done += EPISODE_FRAMES, seed++) {
        const episode = busyEpisode(seed, Math.min(EPISODE_FRAMES, FRAMES - done), wall.hz);
        const failure = comparison.run(episode);
        if (failure === undefined) continue;
        const short = shrink(comparison, episode, failure);
        expect.fail(report(short.episode, short.failure, wall.hz));
      }
      const { verdicts } = comparison;
      const count = (what: string) => `${verdicts.get(what) ?? 0} for ${what}`;
      process.stdout.write(`  of ${FRAMES} frames ${count('rate')}, ${count('limit')}\n`);
      expect(verdicts.get('rate')).toBeGreaterThan(0);
      expect(verdicts.get('limit')).toBeGreaterThan(0);
    } finally {
      comparison.close();
    }
  });
});
