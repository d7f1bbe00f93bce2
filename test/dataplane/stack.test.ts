/**
 * Linux 6.1 gives a chain of functions 512 bytes of stack, each in whole steps of 32; newer kernels count
 * more kindly, so that a program which loads here may not load there. What each function takes is read
 * from the object: how far below r10 it reaches.
 */
import { expect, it } from 'vitest';
import { deepest, framesOf, OBJECT, STACK } from './harness/functions.js';

it('fits into what Linux 6.1 gives to a chain of functions', () => {
  const frames = framesOf(OBJECT);
  expect(frames.get('judge')!.calls).toContain('track');
  expect(frames.get('tcp_step')!.bytes).toBeGreaterThan(0);
  const tooDeep = [...frames.keys()]
    .map((name) => deepest(frames, name))
    .filter(({ bytes }) => bytes > STACK);
  expect(tooDeep).toEqual([]);
});
