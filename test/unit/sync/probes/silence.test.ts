import { describe, expect, it } from 'vitest';
import { Silence } from '../../../../src/sync/probes/silence.js';

/** What it says after each look: when the thread looked, and when it woke up last. */
function lengths(at: bigint, looks: readonly (readonly [bigint, bigint])[]): bigint[] {
  const silence = new Silence();
  return looks.map(([looked, awake]) => silence.seen(at, looked, awake));
}

describe('silence', () => {
  it('is what went by since something came', () => {
    expect(
      lengths(5n, [
        [10n, 0n],
        [20n, 0n],
        [60n, 0n],
      ]),
    ).toEqual([5n, 15n, 55n]);
  });

  it('does not grow while the thread sleeps', () => {
    expect(
      lengths(5n, [
        [10n, 0n],
        [170n, 170n],
        [180n, 170n],
      ]),
    ).toEqual([5n, 5n, 15n]);
  });

  it('adds up over naps, so that a starved thread finds out as well', () => {
    const looks = [0n, 100n, 200n, 300n].flatMap((awake) =>
      [0n, 10n, 20n].map((after) => [awake + after, awake] as const),
    );
    expect(lengths(0n, looks).at(-1)).toBe(80n);
  });

  it('is the same however often it is asked', () => {
    const silence = new Silence();
    expect([1, 2, 3].map(() => silence.seen(5n, 30n, 0n))).toEqual([25n, 25n, 25n]);
  });

  it('ends when something comes, also before the next look', () => {
    const silence = new Silence();
    silence.seen(0n, 50n, 0n);
    expect(silence.seen(52n, 50n, 0n)).toBe(-2n);
    expect(silence.seen(52n, 60n, 0n)).toBe(8n);
  });
});
