import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Coalesced } from '../../../../src/control/daemon/coalesced.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('works at once, then at most once an interval, and never forgets', () => {
  const work = vi.fn();
  const coalesced = new Coalesced(work, 500);
  for (let i = 0; i < 10; i++) coalesced.ask();
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(500);
  expect(work).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5000);
  expect(work).toHaveBeenCalledTimes(2);
  coalesced.ask();
  coalesced.ask();
  expect(work).toHaveBeenCalledTimes(3);
  coalesced.close();
  expect(work).toHaveBeenCalledTimes(4);
  vi.advanceTimersByTime(5000);
  expect(work).toHaveBeenCalledTimes(4);
});
