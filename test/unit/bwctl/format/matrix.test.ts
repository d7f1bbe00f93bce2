import { expect, test } from 'vitest';
import { formatMatrix } from '../../../../src/bwctl/format/matrix.js';
import { plain } from '../../../../src/bwctl/format/paint.js';

const CELLS = [
  { from: 'extranet', to: 'mail', services: ['25/tcp', '587/tcp'] },
  { from: 'mail', to: 'dns', services: ['dns'] },
  { from: 'mail', to: 'extranet', services: ['25/tcp'] },
];

test('sources stand at the left, destinations at the top, in one order', () => {
  expect(formatMatrix({ generation: 1, cells: CELLS }, 80, plain)).toEqual([
    'SRC\\DST  │ extranet │ mail    │ dns',
    '─────────┼──────────┼─────────┼────',
    'extranet │          │ 25/tcp  │',
    '         │          │ 587/tcp │',
    '─────────┼──────────┼─────────┼────',
    'mail     │ 25/tcp   │         │ dns',
  ]);
});

test('cells that come twice are one', () => {
  const cells = [...CELLS, { from: 'mail', to: 'dns', services: ['853/tcp'] }];
  const picture = formatMatrix({ generation: 1, cells }, 80, plain);
  expect(picture.at(-1)).toBe('         │          │         │ 853/tcp');
});

test('what is too wide for the screen becomes a list', () => {
  expect(formatMatrix({ generation: 1, cells: CELLS }, 30, plain)).toEqual([
    'FROM      TO        SERVICES',
    'extranet  mail      25/tcp, 587/tcp',
    'mail      dns       dns',
    'mail      extranet  25/tcp',
  ]);
});

test('nothing is said in words', () => {
  expect(formatMatrix({ generation: 0, cells: [] }, 80, plain)).toEqual([
    'no policy was ever applied: everything is dropped',
  ]);
  expect(formatMatrix({ generation: 2, cells: [] }, 80, plain)).toEqual([
    'the matrix is empty: everything is dropped',
  ]);
});
