import { afterEach, describe, expect, it } from 'vitest';
import {
  BpfMap,
  BpfObject,
  type CarryOptions,
  Conversion,
  type ConversionOptions,
  cpuCount,
  type FieldType,
  type MapOptions,
  NOWHERE,
  type StructLayout,
  sameLayout,
  type Types,
} from '../../native/lib/index.js';
import { compile, discard, errorOf, wrong } from './fixtures.js';
import { u32, u64 } from './words.js';

const maps: BpfMap[] = [];

afterEach(() => {
  for (const map of maps.splice(0)) map.close();
});

function create(o: Partial<MapOptions> = {}): BpfMap {
  const map = BpfMap.create({
    ...{ type: 'hash', name: 'test', keySize: 4, valueSize: 8, maxEntries: 64 },
    ...o,
  });
  maps.push(map);
  return map;
}

type Size = 1 | 2 | 4 | 8;

function int(size: Size, o: { signed?: boolean; bigEndian?: boolean; enum?: string } = {}) {
  return { kind: 'int', size, signed: false, bigEndian: false, ...o } as const;
}

function struct(size: number, ...fields: [string, number, FieldType][]): StructLayout {
  return { size, fields: fields.map(([name, offset, type]) => ({ name, offset, type })) };
}

function types(layout: StructLayout, more: Partial<Types> = {}): Types {
  return { enums: {}, ...more, structs: { it: layout, ...more.structs } };
}

const IT = { kind: 'struct', name: 'it' } as const;

/** The bytes of one value, converted by way of two maps. */
function converted(from: Types, to: Types, value: Buffer, options?: ConversionOptions): Buffer {
  const conversion = Conversion.between(
    { types: from, type: IT },
    { types: to, type: IT },
    options,
  );
  const source = create({ valueSize: from.structs.it!.size });
  const target = create({ valueSize: to.structs.it!.size });
  source.update(u32(7), value);
  const done = source.carry(target, { value: conversion, present: 'replace' });
  expect(done).toMatchObject({ read: 1, written: 1, kept: 0, failed: 0, error: '' });
  return target.lookup(u32(7))!;
}

describe('a conversion', () => {
  it('moves fields by name, drops what is gone, and begins what is new at zero', () => {
    const from = types(struct(16, ['a', 0, int(8)], ['gone', 8, int(4)], ['b', 12, int(4)]));
    const to = types(struct(16, ['b', 0, int(4)], ['fresh', 4, int(4)], ['a', 8, int(8)]));
    const value = Buffer.concat([u64(0x1122334455667788n), u32(99), u32(5)]);
    expect(converted(from, to, value)).toEqual(
      Buffer.concat([u32(5), u32(0), u64(0x1122334455667788n)]),
    );
    const { dropped, added } = Conversion.between(
      { types: from, type: IT },
      { types: to, type: IT },
    );
    expect([dropped, added]).toEqual([['gone'], ['fresh']]);
  });

  it.each([
    [int(2), int(8), '3412', '3412000000000000'],
    [int(2, { signed: true }), int(8, { signed: true }), 'feff', 'feffffffffffffff'],
    [int(8), int(2), '3412000000000000', '3412'],
    // What does not fit becomes the nearest that does.
    [int(8), int(2), '0000010000000000', 'ffff'],
    [int(8, { signed: true }), int(1, { signed: true }), '00ffffffffffffff', '80'],
    [int(4, { signed: true }), int(4, { bigEndian: true }), 'ffffffff', '00000000'],
    [int(2, { bigEndian: true }), int(4, { bigEndian: true }), '1234', '00001234'],
    [int(2, { bigEndian: true }), int(2), '1234', '3412'],
  ] as const)('takes %o as %o', (was, is, value, expected) => {
    const from = types(struct(was.size, ['n', 0, was]));
    const to = types(struct(is.size, ['n', 0, is]));
    expect(converted(from, to, Buffer.from(value, 'hex')).toString('hex')).toBe(expected);
  });

  it('goes into structs and arrays, and cuts an array that became shorter', () => {
    const pair = (...fields: [string, number, FieldType][]) => ({
      structs: { pair: struct(4, ...fields) },
    });
    const array = (count: number) =>
      ({ kind: 'array', count, element: { kind: 'struct', name: 'pair' } }) as const;
    const from = types(struct(12, ['list', 0, array(3)]), pair(['x', 0, int(2)], ['y', 2, int(2)]));
    const to = types(
      struct(12, ['text', 0, { kind: 'bytes', length: 4 }], ['list', 4, array(2)]),
      pair(['y', 0, int(2)], ['x', 2, int(2)]),
    );
    const value = Buffer.from('010002000300040005000600', 'hex');
    expect(converted(from, to, value).toString('hex')).toBe('000000000200010004000300');
  });

  it('translates enumerators and named bits', () => {
    const enums = (PHASE: Record<string, number>, bits: Record<string, number>) => ({
      enums: { phase: PHASE, bits: { MASK: 0xff, ...bits } },
    });
    const layout = struct(8, ['word', 0, int(4)], ['kind', 4, int(4, { enum: 'phase' })]);
    const from = types(layout, enums({ A: 0, B: 1, C: 2 }, { LEFT: 0x100, RIGHT: 0x200 }));
    const to = types(layout, enums({ A: 3, C: 1, B: 9 }, { RIGHT: 0x100, LEFT: 0x4000 }));
    const coded = {
      word: { code: { enum: 'phase', mask: 0xff }, bits: { enum: 'bits' } },
    };
    const value = (word: number, kind: number) => Buffer.concat([u32(word), u32(kind)]);
    expect(converted(from, to, value(0x302, 1), { coded })).toEqual(value(0x4101, 9));
    // A code without a name keeps its number.
    expect(converted(from, to, value(0x177, 2), { coded })).toEqual(value(0x4077, 1));
  });

  it('moves spans of bits by the names of their places', () => {
    const layout = struct(4, ['word', 0, int(4)]);
    const side = (NIBBLE: number, KNOWN: number, AT: number) =>
      types(layout, { enums: { side: { NIBBLE, KNOWN }, places: { AT } } });
    const spans = {
      ...{ enum: 'side', except: ['KNOWN'] },
      shifts: { enum: 'places', names: ['AT', 'ELSEWHERE'] },
    };
    const [from, to] = [side(0x0f, 0x10, 16), side(0x1e, 0x01, 24)];
    const coded = { word: { spans } };
    expect(converted(from, to, u32(0x001a0000), { coded })).toEqual(u32(0x14000000));
    expect(converted(types(layout), to, u32(0x001a0000), { coded })).toEqual(u32(0));
  });

  it('leaves out what shall be forgotten', () => {
    const layout = types(struct(8, ['a', 0, int(4)], ['b', 4, int(4)]));
    const value = Buffer.concat([u32(1), u32(2)]);
    const zeroed = Buffer.concat([u32(1), u32(0)]);
    expect(converted(layout, layout, value, { forget: ['b'] })).toEqual(zeroed);
  });

  it('is refused where a struct or an enumeration is missing, or sizes do not fit', () => {
    const layout = types(struct(4, ['a', 0, int(4, { enum: 'none' })]));
    const between = () =>
      Conversion.between({ types: layout, type: IT }, { types: layout, type: IT });
    expect(errorOf(between).code).toBe('EUNKNOWN');
    const missing = { types: layout, type: { kind: 'struct', name: 'other' } } as const;
    expect(errorOf(() => Conversion.between(missing, missing)).code).toBe('EUNKNOWN');
    const value = Conversion.same(4);
    expect(errorOf(() => create().carry(create(), { value, present: 'keep' })).code).toBe('EUSAGE');
    const strange = { value: Conversion.same(8), present: wrong('often') } as CarryOptions;
    expect(errorOf(() => create().carry(create(), strange)).code).toBe('EUSAGE');
  });

  it('is refused for a map without values', () => {
    const ring = create({ type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096 });
    const carry = () => ring.carry(ring, { value: Conversion.same(0), present: 'keep' });
    expect(errorOf(carry).code).toBe('EUSAGE');
  });
});

describe('what a map is carried into', () => {
  const value = Conversion.same(8);

  it('keeps, replaces, or takes the newer', () => {
    const fill = (map: BpfMap, entries: [number, bigint][]) => {
      for (const [key, number] of entries) map.update(u32(key), u64(number));
      return map;
    };
    const source = fill(create(), [
      [1, 10n],
      [2, 20n],
      [3, 30n],
    ]);
    const target = () =>
      fill(create(), [
        [1, 15n],
        [2, 15n],
      ]);
    const after = (o: Omit<CarryOptions, 'value'>) => {
      const map = target();
      const done = source.carry(map, { value, ...o });
      const numbers = [1, 2, 3].map((key) => map.lookup(u32(key))?.readBigUInt64LE());
      return { numbers, written: done.written, kept: done.kept, keys: done.keys };
    };
    expect(after({ present: 'replace' })).toMatchObject({ numbers: [10n, 20n, 30n], written: 3 });
    expect(after({ present: 'keep' })).toMatchObject({ numbers: [15n, 15n, 30n], kept: 2 });
    expect(after({ present: 'newer' })).toMatchObject({ numbers: [15n, 20n, 30n], written: 2 });
    expect(after({ present: 'tell' })).toMatchObject({
      ...{ numbers: [15n, 15n, undefined], written: 1, kept: 1 },
      keys: u32(2),
    });
  });

  it('adds per CPU, once, where the index says', () => {
    const o = { type: 'percpu-array', maxEntries: 4 } as const;
    const [source, target] = [create(o), create(o)];
    const all = (number: bigint) => Buffer.concat(Array(cpuCount()).fill(u64(number)));
    source.update(u32(1), all(5n));
    source.update(u32(2), all(7n));
    target.update(u32(3), all(100n));
    const sum = Conversion.between(
      { types: types(struct(8)), type: int(8) },
      { types: types(struct(8)), type: int(8) },
      { add: [''] },
    );
    const index = Uint32Array.from([NOWHERE, 3, NOWHERE, NOWHERE]);
    const add = () => source.carry(target, { value: sum, present: 'add', index, take: true });
    expect(add()).toMatchObject({ written: 1 });
    expect(add()).toMatchObject({ written: 0 });
    expect(target.lookup(u32(3))).toEqual(all(105n));
    expect(source.lookup(u32(2))).toEqual(all(7n));
  });

  it('has room for what fits, and says what did not', () => {
    const source = create();
    for (let i = 0; i < 40; i++) source.update(u32(i), u64(1n));
    const done = source.carry(create({ maxEntries: 8 }), { value, present: 'keep' });
    expect(done).toMatchObject({ read: 40, written: 8, failed: 32, error: 'E2BIG' });
  });
});

describe('a digest', () => {
  it('is that of the elements, whatever their order, and changes with any of them', () => {
    const map = create();
    const keys = Buffer.concat([u32(3), u32(1), u32(2)]);
    const values = Buffer.concat([u64(30n), u64(10n), u64(20n)]);
    map.updateBatch(keys, values, 3);
    expect(map.digest()).toEqual(BpfMap.digestOf(keys, values, 3));
    map.update(u32(1), u64(11n));
    expect(map.digest()).not.toEqual(BpfMap.digestOf(keys, values, 3));
    expect(create().digest()).toEqual({ count: 0, sum: 0n });
  });
});

describe('the types of a loaded map', () => {
  it('are those of its object', () => {
    const path = compile('basic');
    try {
      using object = BpfObject.open(path);
      const { structs, enums, maps: of } = object.btf();
      object.load();
      for (const [name, { key, value }] of Object.entries(of)) {
        const own = object.map(name).types();
        if (own === undefined || key === undefined || value === undefined) continue;
        const [a, b] = [
          { types: own, type: own.value! },
          { types: { structs, enums }, type: value },
        ];
        expect(sameLayout(a, b)).toBe(true);
      }
      expect(object.map('points').types()?.structs.point).toEqual(structs.point);
      expect(create().types()).toBeUndefined();
    } finally {
      discard(path);
    }
  });
});
