import { expect, test } from 'vitest';
import { BoundedQueue } from '../../../../src/control/api/streams.js';

test('keeps what fits, in order, and counts the rest', () => {
  const queue = new BoundedQueue<number>(3);
  expect(queue.empty).toBe(true);
  for (let n = 1; n <= 5; n += 1) queue.push(n);
  expect(queue.take(2)).toEqual({ items: [1, 2], lost: 2 });
  queue.push(6);
  expect(queue.take(10)).toEqual({ items: [3, 6], lost: 0 });
  expect(queue.empty).toBe(true);
});

test('a loss alone is worth telling', () => {
  const queue = new BoundedQueue<number>(0);
  queue.push(1);
  expect(queue.empty).toBe(false);
  expect(queue.take(1)).toEqual({ items: [], lost: 1 });
});
