import { afterEach, describe, expect, it } from 'vitest';
import { BpfMap, changeInner, type MapOptions } from '../../native/lib/index.js';
import { errorOf, wrong } from './fixtures.js';
import { u32 } from './words.js';

const maps: BpfMap[] = [];

function create(o: Partial<MapOptions> = {}): BpfMap {
  const map = BpfMap.create({
    ...{ type: 'hash', name: 'inner', keySize: 4, valueSize: 8, maxEntries: 8 },
    ...o,
  });
  maps.push(map);
  return map;
}

const outerOf = (inner: BpfMap) =>
  create({ type: 'array-of-maps', name: 'outer', valueSize: 4, maxEntries: 4, inner });

const held = (outer: BpfMap, key: number) => outer.lookup(u32(key))?.readUInt32LE();

afterEach(() => {
  for (const map of maps.splice(0)) map.close();
});

describe('changeInner', () => {
  it('puts maps in and takes them out, of several at once', () => {
    const [first, second] = [create(), create()];
    const [one, two] = [outerOf(first), outerOf(first)];
    changeInner([
      { outer: one, key: u32(0), inner: first },
      { outer: one, key: u32(3), inner: second },
      { outer: two, key: u32(1), inner: second },
    ]);
    expect([held(one, 0), held(one, 3), held(two, 1)]).toEqual([
      first.info.id,
      second.info.id,
      second.info.id,
    ]);
    changeInner([
      { outer: one, key: u32(0), inner: second },
      { outer: one, key: u32(3), inner: null },
      { outer: two, key: u32(1), inner: null },
      { outer: two, key: u32(2), inner: null },
    ]);
    expect([held(one, 0), held(one, 3), held(two, 1)]).toEqual([
      second.info.id,
      undefined,
      undefined,
    ]);
  });

  it('does nothing when there is nothing to do', () => {
    expect(() => changeInner([])).not.toThrow();
  });

  it('tries all, and says which was refused', () => {
    const inner = create();
    const outer = outerOf(inner);
    const error = errorOf(() =>
      changeInner([
        { outer, key: u32(0), inner },
        { outer, key: u32(1), inner: create({ keySize: 8 }) },
        { outer, key: u32(2), inner },
      ]),
    );
    expect(error.code).toBe('EINVAL');
    expect(error.message).toContain('change 1 of maps of maps');
    expect([held(outer, 0), held(outer, 1), held(outer, 2)]).toEqual([
      inner.info.id,
      undefined,
      inner.info.id,
    ]);
  });

  it('takes maps of maps, whole keys, and maps that are open', () => {
    const inner = create();
    const outer = outerOf(inner);
    const closed = create();
    closed.close();
    const codeOf = (change: object) => errorOf(() => changeInner([wrong(change)])).code;
    expect(codeOf({ outer: inner, key: u32(0), inner })).toBe('EUSAGE');
    expect(codeOf({ outer: 3, key: u32(0), inner })).toBe('EUSAGE');
    expect(codeOf({ outer, key: Buffer.alloc(3), inner })).toBe('EUSAGE');
    expect(codeOf({ outer, key: u32(0), inner: 3 })).toBe('EUSAGE');
    expect(codeOf({ outer, key: u32(0), inner: closed })).toBe('ECLOSED');
    expect(codeOf({ outer, key: u32(9), inner })).toBe('E2BIG');
  });
});
