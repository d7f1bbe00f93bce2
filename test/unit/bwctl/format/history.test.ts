import { expect, test } from 'vitest';
import { eventLine } from '../../../../src/bwctl/format/events.js';
import { formatDifference, formatHistory } from '../../../../src/bwctl/format/history.js';
import { plain } from '../../../../src/bwctl/format/paint.js';
import type { HistoryEntry, PolicyText } from '../../../../src/control/service.js';

const entry: HistoryEntry = {
  generation: 7,
  at: '2026-11-22T03:00:00.000Z',
  who: { user: 'alice', uid: 0 },
  why: 'ticket 4711',
  digest: 'd1'.repeat(32),
  rules: 42,
  file: 'policy.yaml',
  current: true,
  confirmed: true,
  origin: { epoch: 0, generation: 7, node: 'fw1' },
  received: false,
};
const policy: PolicyText = { generation: 7, file: 'p', digest: 'd', text: 'a' };

test('the history marks what judges, and what was never confirmed', () => {
  const lines = formatHistory(
    [
      entry,
      { ...entry, generation: 6, current: false, confirmed: false, why: '' },
      { ...entry, generation: 5, current: false, who: { user: 'bridgewalld', uid: null } },
    ],
    plain,
  );
  expect(lines[1]).toMatch(
    /^ +7 +current +2026-11-22T03:00:00.000Z +alice \(uid 0\) +42 +d1d1d1d1d1d1 +ticket 4711$/,
  );
  expect(lines[2]).toMatch(/^ +6 +not confirmed +/);
  expect(lines[3]).toMatch(/^ +5 +2026\S+ +bridgewalld +42/);
  expect(formatHistory([{ ...entry, confirmed: false }], plain)[1]).toMatch(/ to be confirmed /);
  const received = { ...entry, received: true, origin: { ...entry.origin, node: 'fw2' } };
  expect(formatHistory([received], plain)[1]).toMatch(/ alice \(uid 0\) on fw2 +42 /);
  expect(formatHistory([], plain)).toEqual(['no policy was ever applied']);
});

test('a difference may be in no rule', () => {
  const same = { from: policy, to: policy, differs: false, changes: [], limits: [], bindings: [] };
  expect(formatDifference(same, plain)).toEqual(['no differences']);
  const text = { ...same, to: { ...policy, text: 'b' }, differs: true };
  expect(formatDifference(text, plain)).toEqual(['only the text differs']);
  const groups = { ...text, to: { ...policy, digest: 'e' } };
  expect(formatDifference(groups, plain)).toEqual(['no rule differs, groups or defaults do']);
});

test('an event is one line, its fields in order', () => {
  const ts = '2026-11-22T03:00:00.000Z';
  const event = { ts, event: 'applied', why: 'ticket 4711', generation: 3, user: 'alice' };
  expect(eventLine(event, plain)).toBe(`${ts} applied generation=3 user=alice why="ticket 4711"`);
});
