import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type BpfLink, BpfObject } from '../../native/lib/index.js';
import { compile, discard } from './fixtures.js';

const POINTS = 20;
let path: string;
let object: BpfObject;
let link: BpfLink;

beforeAll(() => {
  path = compile('basic');
});
afterAll(() => discard(path));
afterEach(() => {
  link.close();
  object.close();
});

/** An iterator that writes the 8 bytes of each key of a map. */
function keys() {
  object = BpfObject.open(path);
  object.load();
  const points = object.map('points');
  for (let i = 0; i < POINTS; i++) points.update(Buffer.alloc(8, i + 1), Buffer.alloc(104));
  link = object.program('keys').attachIter(points);
  return link.iterate();
}

it('visits everything on another thread, in slices', async () => {
  const run = keys();
  const first = await run.drain(16, 3);
  expect(first).toMatchObject({ reads: 3, bytes: 48, ended: false });
  expect(first.longestNs).toBeGreaterThan(0);
  const rest = await run.drain(16, 1000);
  expect(rest).toMatchObject({ bytes: POINTS * 8 - 48, ended: true });
  expect(rest.reads).toBeLessThan(1000);
  expect(run.read(16)).toHaveLength(0);
  run.close();
});

it('goes on when the iterator is closed meanwhile', async () => {
  const run = keys();
  const drained = run.drain(8, 1000);
  run.close();
  expect(await drained).toMatchObject({ bytes: POINTS * 8, ended: true });
  expect(() => run.drain(8, 1)).toThrow(expect.objectContaining({ code: 'ECLOSED' }));
});

it('refuses what is no size', () => {
  const run = keys();
  expect(() => run.drain(0, 1)).toThrow(expect.objectContaining({ code: 'EUSAGE' }));
  expect(() => run.drain(8, 0)).toThrow(expect.objectContaining({ code: 'EUSAGE' }));
  run.close();
});
