/**
 * The packet path's TCP machine beside nf_conntrack's at its strictest, on the same frames: sessions
 * recorded of real stacks, generated ones, and mutants of both. Every difference is of a class that
 * decision 28 explains; where ours is laxer, of the short list that RFCs give the reasons for.
 * DIFFERENTIAL_SESSIONS sets how many mutants, DIFFERENTIAL_SEED where the random numbers begin.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Campaign } from './differential/campaign.js';
import { scripted, simulated } from './differential/generate.js';
import { Machines } from './differential/machines.js';
import { mutated } from './differential/mutate.js';
import { recordedSessions } from './differential/recorded.js';
import type { Session } from './differential/session.js';
import { Random } from './fuzz/random.js';

const MUTANTS = Number(process.env.DIFFERENTIAL_SESSIONS ?? 10_000);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 1);
const GENERATED = 1000;
const SIMULATED = 60;
/** Of longer sessions mutants have the beginning, so that there are the more of them. */
const MUTANT_SEGMENTS = 40;

let machines: Machines;

beforeAll(() => {
  machines = new Machines();
});
afterAll(() => machines?.close());

function finish(campaign: Campaign): void {
  campaign.flush();
  process.stdout.write(`${campaign.report().join('\n')}\n`);
  expect(campaign.unknown.join('\n\n')).toBe('');
  expect(campaign.dropped.slice(0, 5).join('\n\n')).toBe('');
}

const simulations = () => Array.from({ length: SIMULATED }, (_, index) => simulated(index + 1));

/** Mostly short ones: a mutation weighs more in them. */
function baseOf(random: Random, recorded: readonly Session[], long: readonly Session[]): Session {
  if (!random.oneIn(4)) return scripted(random);
  const base = random.pick(random.oneIn(2) ? recorded : long);
  return { ...base, segments: base.segments.slice(0, MUTANT_SEGMENTS) };
}

describe('beside nf_conntrack', () => {
  it('sessions of real stacks: nothing is dropped', () => {
    const campaign = new Campaign(machines, { honest: true });
    for (const session of recordedSessions()) campaign.add(session);
    finish(campaign);
  });

  it('sessions of simulated stacks: nothing is dropped', () => {
    const campaign = new Campaign(machines, { honest: true });
    for (const session of simulations()) campaign.add(session);
    const random = new Random(SEED);
    for (let done = 0; done < GENERATED; done++) campaign.add(scripted(random));
    finish(campaign);
  });

  it(`${MUTANTS} mutants: every difference is known`, { timeout: 120_000 + 20 * MUTANTS }, () => {
    const campaign = new Campaign(machines);
    const [recorded, long] = [recordedSessions(), simulations()];
    for (let seed = SEED; seed < SEED + MUTANTS; seed++) {
      const random = new Random(Math.imul(seed, 0x9e37_79b1));
      const base = baseOf(random, recorded, long);
      campaign.add(mutated(base, random, `mutant ${seed} of ${base.name}`));
    }
    finish(campaign);
  });
});
