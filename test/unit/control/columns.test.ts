/** Records that were taken apart by columns are the same records again. */
import { expect, it } from 'vitest';
import { fromColumns, toColumns, Words } from '../../../src/control/columns.js';
import { atOnce } from '../../../src/control/slices.js';

function again(records: readonly object[]): object[] {
  const words = new Words();
  const columns = structuredClone(toColumns(records, words));
  return atOnce(fromColumns(columns, words.list));
}

const MANY = Array.from({ length: 5000 }, (_, i) => ({
  number: i / 2,
  flag: i % 3 === 0,
  word: `w${i % 7}`,
  wide: BigInt(i) << 40n,
  bytes: Uint8Array.of(i & 255, i >> 8),
  at: { file: 'f', line: i },
  maybe: i % 2 === 0 ? null : i,
  list: i % 4 === 0 ? [i] : [],
  same: 'always',
  nothing: null,
}));

it.each([
  ['of every kind of field', MANY],
  ['none at all', []],
  ['of other fields each', [{ a: 1 }, { b: 2 }]],
  [
    'with their fields in another order',
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
  ],
  ['with one field more', [{ a: 1 }, { a: 1, b: 2 }]],
  ['whose field begins as a number', [{ a: 1 }, { a: 'x' }, { a: null }]],
  ['with a field that is no name', [{ 'a b': 1 }, { 'a b': 2 }]],
  ['with numbers that are too wide', [{ a: 1n << 64n }, { a: -1n }]],
  ['with bytes of other lengths', [{ a: Uint8Array.of(1) }, { a: Uint8Array.of(1, 2) }]],
  ['with not a number, and minus nothing', [{ a: Number.NaN }, { a: -0 }]],
])('records %s', (_, records) => {
  expect(again(records)).toEqual(records);
});

it('a field whose name would be code is refused', () => {
  const columns = {
    length: 1,
    columns: [['a: 1}); evil(); ({b', { kind: 'one', value: 1 }]] as const,
  };
  expect(() => atOnce(fromColumns(columns, []))).toThrow('is no field');
});
