/** Some of what may break of a pair, in an order of chance: the short form of `make soak-ha`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../../src/lab/netns.js';
import { Pair } from '../../../src/lab/pair/pair.js';
import { soak } from '../../../src/lab/pair/soak/soak.js';
import { chance } from '../../chance.js';

const SECONDS = Number(process.env.SOAK_SECONDS ?? 30);
const SEED = chance('SOAK_SEED');
const CONNECTIONS = Number(process.env.SOAK_CONNECTIONS ?? 100);

describe(`a pair of which something breaks all the time (SOAK_SEED=${SEED})`, () => {
  let lab: Lab;
  let pair: Pair;

  beforeAll(async () => {
    lab = new Lab('soak');
    pair = await Pair.build(lab, { attach: 'tc' });
    await pair.start();
  }, 240_000);
  afterAll(() => lab.close());

  it('has no storm, no two for long, no time without one, and loses no connection', {
    timeout: SECONDS * 1000 + 240_000,
  }, async () => {
    const report = await soak(lab, pair, {
      ...{ seconds: SECONDS, seed: SEED, connections: CONNECTIONS },
      say: (line) => process.stdout.write(`  ${line}\n`),
    });
    expect(report.wrong).toEqual([]);
    expect(report.faults).toBeGreaterThan(1);
    expect(report).toMatchObject({ ended: 0, resets: 0, owing: 0 });
  });
});
