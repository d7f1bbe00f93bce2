/**
 * `make soak-ha`: whatever may break of a pair breaks, for ten minutes. Exit status 0 when all held that must.
 * SOAK_SECONDS, SOAK_SEED (printed; the same seed is the same order), SOAK_CONNECTIONS, and SOAK_ONLY: parts
 * of names of faults, with commas.
 */
import { runInLab } from '../../run.js';
import { Pair } from '../pair.js';
import { soak } from './soak.js';

const SECONDS = Number(process.env.SOAK_SECONDS ?? 600);
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);
const CONNECTIONS = Number(process.env.SOAK_CONNECTIONS ?? 1000);
const ONLY = process.env.SOAK_ONLY?.split(',') ?? [];

process.exitCode = await runInLab('soak-ha', async (lab, screen, attach) => {
  screen.step(`A pair, ${CONNECTIONS} connections, faults for ${SECONDS} s; SOAK_SEED=${SEED}`);
  const pair = await Pair.build(lab, { attach });
  await pair.start();
  const { wrong, ...report } = await soak(lab, pair, {
    ...{ seconds: SECONDS, seed: SEED, connections: CONNECTIONS, only: ONLY },
    say: (line) => screen.show(line),
  });
  screen.step('What came of it');
  screen.show(JSON.stringify(report, null, 2));
  for (const line of wrong) screen.bad(line);
  if (wrong.length === 0) screen.good('all held that must');
  return wrong.length === 0 ? 0 : 1;
});
