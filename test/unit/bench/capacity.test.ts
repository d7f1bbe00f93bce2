import { describe, expect, it } from 'vitest';
import {
  bitsOf,
  contentionOf,
  coresFor,
  effective,
  gbits,
  lineRate,
  MIXES,
  type Mix,
  memoryFor,
  perSecond,
  statesFor,
} from '../../../bench/capacity.js';

const mix = (name: string): Mix => MIXES.find((one) => one.name === name)!;

describe('the wire', () => {
  it.each([
    [10, '64 bytes', 14_880_952],
    [10, '1,518 bytes', 812_743],
    [100, '512 bytes', 23_496_240],
    // (7 * 84 + 4 * 614 + 1 * 1538) / 12 bytes each
    [40, 'IMIX', 13_094_718],
  ])('of %d Gbit/s carries, in frames of %s, %d a second', (rate, name, frames) => {
    expect(Math.floor(lineRate(rate, mix(name)))).toBe(frames);
  });

  it('is full with the frames that it carries', () => {
    for (const each of MIXES) expect(gbits(lineRate(25, each), each)).toBeCloseTo(25, 9);
  });

  it('needs the gap between frames, too', () => {
    expect(bitsOf(mix('64 bytes'))).toBe(84 * 8);
  });
});

describe('cores', () => {
  it('without contention do so many times the work of one', () => {
    expect(effective(8, 0)).toBe(8);
    expect(perSecond(250, 1)).toBe(4_000_000);
    expect(perSecond(250, 4)).toBe(16_000_000);
  });

  it.each([0.6, 0.9, 1])(
    'do with two the share %d of twice the work, as it was measured',
    (share) => {
      expect(effective(2, contentionOf(share))).toBeCloseTo(2 * share, 9);
    },
  );

  it('that gained from one another contend for nothing', () => {
    expect(contentionOf(1.02)).toBe(0);
  });

  it('add less, the more there are, and never pass one over the contention', () => {
    const gains = [1, 2, 4, 8, 64].map((cores) => effective(cores, 0.1) / cores);
    expect(gains).toEqual([...gains].sort((a, b) => b - a));
    expect(effective(1e6, 0.1)).toBeLessThan(10);
  });
});

describe('coresFor', () => {
  const easy = { ns: 500, contention: 0, load: 1 };

  it('takes what is needed, and no core more', () => {
    expect(coresFor(2_000_000, easy)).toBe(1);
    expect(coresFor(2_000_001, easy)).toBe(2);
    expect(coresFor(2_000_000, { ...easy, load: 0.5 })).toBe(2);
  });

  it.each([0, 0.01, 0.05])(
    'finds a number that does it, of which one less does not, at contention %d',
    (contention) => {
      for (const wanted of [3e6, 14_880_952, 20e6]) {
        const cores = coresFor(wanted, { ns: 300, contention, load: 0.7 })!;
        expect(perSecond(300, cores, contention) * 0.7).toBeGreaterThanOrEqual(wanted);
        expect(perSecond(300, cores - 1, contention) * 0.7).toBeLessThan(wanted);
      }
    },
  );

  it('says so when no number of cores does it', () => {
    expect(coresFor(1e9, { ns: 1000, contention: 0.1, load: 0.7 })).toBeNull();
  });
});

describe('room', () => {
  it('is what comes in a second, for as long as it stays and lingers', () => {
    expect(statesFor(21_000, 0.5, 120)).toBe(2_530_500);
  });

  it('counts a policy twice, for one stands while the next is put beside it', () => {
    const memory = { perState: 200, perRule: 100, perCpu: 1000, fixed: 50 };
    expect(memoryFor(memory, { states: 10, rules: 3, cpus: 2 })).toBe(50 + 2000 + 2000 + 600);
  });
});
