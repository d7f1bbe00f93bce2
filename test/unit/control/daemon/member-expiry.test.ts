import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemberExpiry } from '../../../../src/control/daemon/member-expiry.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('tells that somebody left, goes on after an error, and stops', async () => {
  const answers = [false, true, new Error('no map'), true];
  let swept = 0;
  let left = 0;
  const errors: unknown[] = [];
  const sweep = async () => {
    const answer = answers[swept++] ?? false;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const expiry = new MemberExpiry(
    { sweep, untilDue: () => 0, onTimed: () => {} },
    () => left++,
    (error) => errors.push(error),
  );
  expiry.start();
  await vi.advanceTimersByTimeAsync(2000);
  expect(left).toBe(2);
  expect(errors).toHaveLength(1);
  expect(swept).toBeGreaterThanOrEqual(4);
  await expiry.stop();
  const before = swept;
  await vi.advanceTimersByTimeAsync(2000);
  expect(swept).toBe(before);
});

it('rests until somebody is due, and looks sooner when another member comes', async () => {
  let swept = 0;
  let due = Number.POSITIVE_INFINITY;
  const sets = {
    sweep: async () => ++swept > 1000,
    untilDue: () => due,
    onTimed: () => {},
  };
  const expiry = new MemberExpiry(
    sets,
    () => {},
    (error) => expect(error).toBeUndefined(),
  );
  expiry.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(swept).toBe(1);
  due = 2000;
  sets.onTimed();
  await vi.advanceTimersByTimeAsync(1000);
  expect(swept).toBe(2);
  due = 0;
  await vi.advanceTimersByTimeAsync(1200);
  expect(swept).toBeGreaterThan(2);
  await expiry.stop();
});
