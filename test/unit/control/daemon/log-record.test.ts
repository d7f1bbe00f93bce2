import { describe, expect, it } from 'vitest';
import { describeLog, readMark } from '../../../../src/control/daemon/log-record.js';
import type { NflogRecord } from '../../../../src/control/netfilter/index.js';
import type { RuleRef } from '../../../../src/control/service.js';
import { MarkBits } from '../../../../src/generated/layouts.js';

const rule = (id: string): RuleRef => ({
  ...{ id, host: 'mail', direction: 'in', service: '25/tcp', peers: 'any' },
  ...{ options: '', file: 'p.yaml', line: 3 },
});
const context = {
  rules: {
    ref: (slot: number) => (slot === 0 ? null : rule(`slot${slot}`)),
    denyLine: (line: number) => rule(`deny${line}`),
  },
  reason: (number: number) => ({
    name: ['none', 'martian', 'denied'][number]!,
    text: `reason ${number}`,
  }),
  portName: (ifindex: number) => (ifindex === 4 ? 'up0' : ''),
};

const record = (mark: number): NflogRecord => ({
  ...{ mark, time: Date.UTC(2027, 0, 2), ifindex: 4, prefix: '', sequence: 0, length: 60 },
  ...{ srcMac: '02:00:00:00:00:01', dstMac: '02:00:00:00:00:02', vlan: [10], etherType: 0x0800 },
  ...{ networkOffset: 14, proto: 'tcp', src: '10.0.0.1', sport: 1, dst: '10.0.0.2', dport: 25 },
  ...{ icmpType: null, icmpCode: null, tcpFlags: 2, fragment: false, frame: Buffer.alloc(60) },
});

describe('readMark', () => {
  it('reads all that netfilter logs, and nothing else', () => {
    expect(readMark(MarkBits.ACCEPT_LOG | 0x01e240)).toEqual({
      verdict: 'accept',
      ruleSlot: 123456,
    });
    expect(readMark((MarkBits.SENT_LOG | 7) >>> 0)).toEqual({ verdict: 'accept', ruleSlot: 7 });
    const drop = { verdict: 'drop', reason: 20, denyLine: 63 };
    expect(readMark(MarkBits.DROP_LOG | (63 << 8) | 20)).toEqual(drop);
    for (const mark of [0, MarkBits.ACCEPT, 0x12345678]) expect(readMark(mark)).toBeUndefined();
  });
});

describe('describeLog', () => {
  it('names the rule of an accepted opening', () => {
    expect(describeLog(record(MarkBits.ACCEPT_LOG | 9), context)).toMatchObject({
      ts: '2027-01-02T00:00:00.000Z',
      verdict: 'accept',
      reason: 'none',
      port: 'up0',
      vlan: [10],
      rule: { id: 'slot9' },
    });
  });

  it('names the deny line of a denied frame, and no rule for any other drop', () => {
    expect(describeLog(record(MarkBits.DROP_LOG | (3 << 8) | 2), context)).toMatchObject({
      ...{ verdict: 'drop', reason: 'denied', explanation: 'reason 2' },
      rule: { id: 'deny3' },
    });
    expect(describeLog(record(MarkBits.DROP_LOG | 1), context)).toMatchObject({
      reason: 'martian',
      rule: null,
    });
  });

  it('leaves records of others alone', () => {
    expect(describeLog(record(0), context)).toBeUndefined();
  });
});
