import { expect, test } from 'vitest';
import { coloured, paintFor, plain } from '../../../../src/bwctl/format/paint.js';
import { TableWriter, table, visible, widthOf } from '../../../../src/bwctl/format/table.js';

const COLUMNS = [{ title: 'NAME' }, { title: 'N', align: 'right' as const }, { title: 'WHY' }];

test('columns are aligned, numbers at the right, nothing trails', () => {
  const rows = [
    ['up0', '1', 'because'],
    ['a-long-name', '1000', ''],
  ];
  expect(table(COLUMNS, rows, plain)).toEqual([
    'NAME            N  WHY',
    'up0             1  because',
    'a-long-name  1000',
  ]);
});

test('colours take no room', () => {
  const [, first, second] = table(
    COLUMNS,
    [
      [coloured('good', 'up0'), '1', 'x'],
      ['abc', '2', 'x'],
    ],
    plain,
  );
  expect(first).toBe('\u001b[32mup0\u001b[39m   1  x');
  expect(second).toBe('abc   2  x');
  expect(widthOf(coloured('bad', 'drop'))).toBe(4);
});

test('a table that goes on keeps its widths and tells its titles once', () => {
  const writer = new TableWriter(COLUMNS, plain);
  expect(writer.lines([['abcdef', '1', 'x']])).toEqual(['NAME    N  WHY', 'abcdef  1  x']);
  expect(writer.lines([['a', '2', 'x']])).toEqual(['a       2  x']);
});

test('text from elsewhere does not steer the terminal', () => {
  expect(visible('a\u001b]0;title\u0007b\rc\u001b[2J')).toBe(
    'a\ufffd]0;title\ufffdb\ufffdc\ufffd[2J',
  );
  expect(visible(coloured('good', 'accept'))).toBe(coloured('good', 'accept'));
});

test('colours are for terminals, unless NO_COLOR is set', () => {
  expect(paintFor(true, {})('bad', 'x')).toBe('\u001b[31mx\u001b[39m');
  expect(paintFor(true, { NO_COLOR: '' })('bad', 'x')).toBe('\u001b[31mx\u001b[39m');
  expect(paintFor(true, { NO_COLOR: '1' })('bad', 'x')).toBe('x');
  expect(paintFor(false, {})('bad', 'x')).toBe('x');
});
