import { expect, test } from 'vitest';
import { plain } from '../../../../src/bwctl/format/paint.js';
import { sessionLine } from '../../../../src/bwctl/format/sessions.js';
import type { SessionRecord } from '../../../../src/control/service.js';

const RECORD: SessionRecord = {
  ts: '2026-01-01T00:00:05.000Z',
  event: 'session-end',
  ...{ proto: 'tcp', src: '10.0.0.1', sport: 4000, dst: '2001:db8::1', dport: 25 },
  vlan: [10, 20],
  start: '2026-01-01T00:00:00.000Z',
  seconds: 5,
  reason: 'closed',
  sent: { packets: 12, bytes: 3400 },
  received: { packets: 1, bytes: 60 },
  rules: {
    out: null,
    in: {
      ...{ id: 'x', host: 'mail', direction: 'in', service: '25/tcp', peers: 'any' },
      ...{ options: 'log session', file: 'p.yaml', line: 9 },
    },
    transit: null,
  },
};

test('an end says how long it was, why it ended, and what either end has sent', () => {
  expect(sessionLine(RECORD, plain)).toBe(
    '2026-01-01T00:00:05.000Z end closed tcp 10.0.0.1:4000 -> [2001:db8::1]:25 vlan 10.20 ' +
      '5s, sent 12 packets 3400 bytes, got 1 packet 60 bytes ' +
      '[mail in 25/tcp from any (log session), p.yaml:9]',
  );
});

test('a beginning is short', () => {
  const start = { ...RECORD, event: 'session-start' as const, vlan: [], reason: '' };
  const rules = { out: null, in: null, transit: null };
  expect(sessionLine({ ...start, rules, proto: 'icmp' }, plain)).toBe(
    '2026-01-01T00:00:05.000Z start icmp 10.0.0.1 -> 2001:db8::1',
  );
});
