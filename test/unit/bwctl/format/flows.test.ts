import { expect, test } from 'vitest';
import { recordLine, stateRow } from '../../../../src/bwctl/format/flows.js';
import { plain } from '../../../../src/bwctl/format/paint.js';
import type { LogRecord, RuleRef } from '../../../../src/control/service.js';

const RULE: RuleRef = {
  id: '5f2c',
  host: 'mail',
  direction: 'in',
  service: '25/tcp',
  peers: 'any',
  options: '',
  file: 'p.yaml',
  line: 9,
};

const RECORD: LogRecord = {
  ts: '2026-01-01T00:00:00.000Z',
  verdict: 'drop',
  reason: 'no-in',
  explanation: 'no in rule',
  proto: 'tcp',
  src: '10.0.0.1',
  sport: 4000,
  dst: '2001:db8::1',
  dport: 23,
  icmpType: null,
  port: 'up0',
  vlan: [],
  srcMac: '02:00:00:00:00:01',
  dstMac: '02:00:00:00:00:02',
  length: 60,
  rule: null,
};

test('a drop', () => {
  expect(recordLine(RECORD, plain)).toBe(
    '2026-01-01T00:00:00.000Z drop no-in tcp 10.0.0.1:4000 -> [2001:db8::1]:23 by up0 (no in rule)',
  );
});

test('a ping inside VLANs that a deny line dropped', () => {
  const rule = { ...RULE, direction: 'deny', host: '', service: 'all', peers: 'badguys' };
  const record = { ...RECORD, proto: 'icmp', icmpType: 8, vlan: [10, 20], dst: '10.0.0.2', rule };
  expect(recordLine({ ...record, reason: 'denied' }, plain)).toBe(
    '2026-01-01T00:00:00.000Z drop denied icmp 10.0.0.1 -> 10.0.0.2 type 8 by up0 vlan 10.20 [deny all badguys, p.yaml:9]',
  );
});

test('an accepted opening', () => {
  expect(recordLine({ ...RECORD, verdict: 'accept', rule: RULE }, plain)).toBe(
    '2026-01-01T00:00:00.000Z accept tcp 10.0.0.1:4000 -> [2001:db8::1]:23 by up0 [mail in 25/tcp from any, p.yaml:9]',
  );
});

test('a frame without addresses', () => {
  const record = { ...RECORD, proto: '', src: '', dst: '', reason: 'ethertype' };
  expect(recordLine(record, plain)).toContain(
    'drop ethertype 02:00:00:00:00:01 -> 02:00:00:00:00:02 by up0',
  );
});

test('states', () => {
  const state = { src: '10.0.0.1', dst: '10.0.0.2', sport: 7, dport: 0, phase: 'pending' };
  const none = { sent: null, received: null };
  const rules = { out: 'a', in: 'b', transit: null };
  const more = { ...none, vlan: [], age: 12, idle: 1, timeout: 29, rules };
  const times = ['12s', '1s', '29s', '-', '-', 'a b'];
  expect(stateRow({ ...state, ...more, proto: 'icmp', pickedUp: false })).toEqual([
    ...['icmp', '10.0.0.1', '10.0.0.2', '-', 'pending'],
    ...times,
  ]);
  expect(stateRow({ ...state, ...more, proto: 'tcp', dport: 25, pickedUp: true })).toEqual([
    ...['tcp', '10.0.0.1:7', '10.0.0.2:25', '-', 'pending (picked up)'],
    ...times,
  ]);
  const some = { sent: { packets: 12, bytes: 3400 }, received: { packets: 9, bytes: 520 } };
  const counted = { ...state, ...more, ...some, proto: 'udp', pickedUp: false };
  expect(stateRow(counted).slice(8, 10)).toEqual(['12/9', '3400/520']);
});
