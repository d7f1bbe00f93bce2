import { expect, test } from 'vitest';
import { count, duration, endpoint, ruleText } from '../../../../src/bwctl/format/words.js';

const PLACE = { options: '', file: 'p.yaml', line: 3 };
const RULE = { id: 'x', host: 'mail', service: 'dns', peers: 'mgmt', ...PLACE };

test.each([
  [0, '0s'],
  [0.4, '0s'],
  [59.6, '1m'],
  [61, '1m1s'],
  [3600, '1h'],
  [3601, '1h'],
  [5400, '1h30m'],
  [431987.5, '4d23h'],
  [86400 * 400, '400d'],
])('%d seconds', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('endpoints', () => {
  expect(endpoint('10.0.0.1', 25)).toBe('10.0.0.1:25');
  expect(endpoint('2001:db8::1', 25)).toBe('[2001:db8::1]:25');
  expect(endpoint('2001:db8::1', null)).toBe('2001:db8::1');
});

test('rules', () => {
  expect(ruleText({ ...RULE, direction: 'in' })).toBe('mail in dns from mgmt');
  expect(ruleText({ ...RULE, direction: 'out' })).toBe('mail out dns to mgmt');
  const limited = { ...RULE, direction: 'in', options: 'log, rate 5/s' };
  expect(ruleText(limited)).toBe('mail in dns from mgmt (log, rate 5/s)');
  expect(
    ruleText({ ...RULE, direction: 'transit', host: '', service: 'all', peers: 'a -> b' }),
  ).toBe('transit all a -> b');
});

test('counts', () => {
  expect([0, 1, 2].map((n) => count(n, 'rule'))).toEqual(['0 rules', '1 rule', '2 rules']);
});
