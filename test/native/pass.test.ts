import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { BpfMap, BpfObject, BpfPass } from '../../native/lib/index.js';
import { compile, discard } from './fixtures.js';

const POINTS = 50;
/** A bucket of the hash has to find room. */
const [KEY, VALUE, ELEMENTS] = [8, 104, 16];
const SHAPE = {
  slices: 2,
  elements: ELEMENTS,
  valuesAt: ELEMENTS * KEY,
  recordsAt: ELEMENTS * (KEY + VALUE),
  bytes: ELEMENTS * (KEY + VALUE + KEY),
};

let path: string;
let object: BpfObject;

beforeAll(() => {
  path = compile('basic');
});
afterAll(() => discard(path));
beforeEach(() => {
  object = BpfObject.open(path);
  object.load();
  for (let i = 0; i < POINTS; i++) points().update(key(i), Buffer.alloc(VALUE));
});
afterEach(() => object.close());

const points = () => object.map('points');
const key = (number: number) => Buffer.alloc(KEY, number + 1);

/** A pass whose program writes the key of each element. */
function begin(map = points(), table = 0): BpfPass {
  const program = object.program('keys');
  return new BpfPass({ program, map, slices: object.map('slices'), shape: SHAPE, table });
}

/** The first byte of each record of the rest of a pass, sorted; `between` batches something happens. */
function visited(pass: BpfPass, between = () => {}): number[] {
  const seen: number[] = [];
  for (let records = pass.next(); records !== null; records = pass.next()) {
    for (let at = 0; at < records.length; at += KEY) seen.push(records[at]!);
    between();
  }
  return seen.sort((a, b) => a - b);
}

const all = Array.from({ length: POINTS }, (_, i) => i + 1);

it('visits every element once, a batch at a time', () => {
  using pass = begin();
  let batches = 0;
  expect(visited(pass, () => batches++)).toEqual(all);
  expect(batches).toBeGreaterThanOrEqual(POINTS / ELEMENTS);
  expect(pass.next()).toBeNull();
});

it('passes over nothing when elements go meanwhile', () => {
  using pass = begin();
  const first = pass.next()!;
  const gone = new Set<number>();
  const seen = Array.from({ length: first.length / KEY }, (_, i) => first[i * KEY]!);
  // Whatever was visited is removed.
  const rest = visited(pass, () => {
    for (const number of seen.splice(0)) {
      points().delete(Buffer.alloc(KEY, number));
      gone.add(number);
    }
  });
  expect([...gone, ...rest].sort((a, b) => a - b)).toEqual(all);
});

it('tells the program which table it goes over', () => {
  const few = BpfMap.create({
    ...{ type: 'hash', name: 'few', keySize: KEY, valueSize: VALUE, maxEntries: 8 },
  });
  few.update(key(6), Buffer.alloc(VALUE));
  using pass = begin(few, 1);
  expect(visited(pass)).toHaveLength(2);
  few.close();
});

it('ends at once on an empty map', () => {
  for (let i = 0; i < POINTS; i++) points().delete(key(i));
  using pass = begin();
  expect(visited(pass)).toEqual([]);
});

it('goes on in another thread, as far as it is told', async () => {
  using pass = begin();
  const first = await pass.drain(2);
  expect(first).toMatchObject({ batches: 2, ended: false });
  expect(first.longestNs).toBeGreaterThan(0);
  const rest = await pass.drain(1000);
  expect(rest.ended).toBe(true);
  expect(rest.batches).toBeLessThan(1000);
  expect(pass.next()).toBeNull();
});

it('is busy meanwhile, and ends when it is closed', async () => {
  const pass = begin();
  const drained = pass.drain(1000);
  expect(() => pass.next()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
  expect(() => pass.drain(1)).toThrow(expect.objectContaining({ code: 'EBUSY' }));
  pass.close();
  expect(await drained).toMatchObject({ ended: true });
  expect(() => pass.next()).toThrow(expect.objectContaining({ code: 'ECLOSED' }));
  pass.close();
});

it('shares its slices with others', async () => {
  const passes = Array.from({ length: 8 }, () => begin());
  const drained = passes.map((pass) => pass.drain(1000));
  using mine = begin();
  expect(visited(mine)).toEqual(all);
  for (const { ended } of await Promise.all(drained)) expect(ended).toBe(true);
  for (const pass of passes) pass.close();
});

it('refuses what does not fit into a slice', () => {
  const wide = BpfMap.create({
    ...{ type: 'hash', name: 'wide', keySize: KEY, valueSize: 2 * VALUE, maxEntries: 8 },
  });
  const refused = expect.objectContaining({ code: 'EINVAL' });
  expect(() => begin(wide)).toThrow(refused);
  wide.close();
  const { program, map } = { program: object.program('keys'), map: points() };
  const shape = { ...SHAPE, bytes: SHAPE.bytes + 8 };
  expect(() => new BpfPass({ program, map, slices: object.map('slices'), shape })).toThrow(refused);
});

it('refuses what is no number of batches', () => {
  using pass = begin();
  expect(() => pass.drain(0)).toThrow(expect.objectContaining({ code: 'EUSAGE' }));
});
