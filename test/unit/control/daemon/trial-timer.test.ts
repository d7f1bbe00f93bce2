import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TrialTimer } from '../../../../src/control/daemon/trial-timer.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('comes back after the time, not before; what was set before is off', async () => {
  const over = vi.fn(async () => {});
  const timer = new TrialTimer(over, () => {});
  timer.start(1);
  timer.start(3);
  await vi.advanceTimersByTimeAsync(3000);
  expect(over).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1000);
  expect(over).toHaveBeenCalledTimes(1);
});

test('tries again for as long as it fails, and says so', async () => {
  const warnings: string[] = [];
  const over = vi.fn().mockRejectedValueOnce(new Error('disk full')).mockResolvedValue(true);
  const timer = new TrialTimer(over, (message) => warnings.push(message));
  timer.start(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(over).toHaveBeenCalledTimes(2);
  expect(warnings).toEqual([expect.stringContaining('disk full')]);
});

test('does nothing once it is stopped', async () => {
  const over = vi.fn(async () => {});
  const timer = new TrialTimer(over, () => {});
  timer.start(1);
  timer.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(over).not.toHaveBeenCalled();
});
