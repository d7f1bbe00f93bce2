import { describe, expect, it } from 'vitest';
import type { AttemptResult } from '../../../src/lab/agent/protocol.js';
import {
  type Attempt,
  allAttempts,
  attemptSpec,
  complaint,
  connectionKey,
  type Drop,
  judge,
  specKey,
} from '../../../src/lab/judge.js';

const BLOCKED: Attempt = {
  from: 'extranet',
  to: 'aquilante',
  probe: '22/tcp',
  family: 4,
  expected: 'no-in',
};
const OPEN: Attempt = { ...BLOCKED, probe: '25/tcp', expected: 'open' };
const SILENT: AttemptResult = { outcome: 'silent', detail: 'no answer to SYN' };
const ANSWERED: AttemptResult = { outcome: 'answered', detail: '220 aquilante' };

function tried(attempt: Attempt, result: AttemptResult, reasons: readonly string[] = []) {
  const spec = attemptSpec(attempt, 12345);
  const drops: Drop[] = reasons.map((reason) => ({
    reason,
    proto: 'tcp',
    src: spec.source,
    sport: spec.sourcePort,
    dst: spec.destination,
    dport: spec.port,
  }));
  return { attempt, spec, result, drops };
}

describe('judge', () => {
  it('takes an answered dialogue for open', () => {
    expect(judge(tried(OPEN, ANSWERED))).toMatchObject({ ok: true, open: true, observed: 'open' });
  });

  it('takes silence with the expected drop for blocked', () => {
    const judged = judge(tried(BLOCKED, SILENT, ['no-in', 'no-in']));
    expect(judged).toMatchObject({ ok: true, open: false, observed: 'no-in' });
  });

  it.each([
    ['silence without a recorded drop', BLOCKED, SILENT, []],
    ['another reason', BLOCKED, SILENT, ['not-screened']],
    ['the expected reason and another one', BLOCKED, SILENT, ['no-in', 'no-state']],
    ['an answer where none may come', BLOCKED, ANSWERED, []],
    ['a refusal, for the packet has crossed', BLOCKED, { outcome: 'refused', detail: 'RST' }, []],
    [
      'a drop recorded, but the client was refused',
      BLOCKED,
      { outcome: 'refused', detail: 'RST' },
      ['no-in'],
    ],
    ['no answer where one must come', OPEN, SILENT, ['no-in']],
    ['half a dialogue', OPEN, { outcome: 'broken', detail: 'closed before "250 "' }, []],
  ] as const)('does not accept %s', (_what, attempt, result, reasons) => {
    const judged = judge(tried(attempt, result, reasons));
    expect(judged.ok).toBe(false);
    expect(complaint(judged)).toContain(`expected ${attempt.expected}`);
  });

  it('finds fault with every attempt when the expectation is turned round', () => {
    for (const attempt of allAttempts()) {
      const good = attempt.expected === 'open' ? ANSWERED : SILENT;
      const reasons = attempt.expected === 'open' ? [] : [attempt.expected];
      expect(judge(tried(attempt, good, reasons)).ok).toBe(true);
      const wrong: Attempt = {
        ...attempt,
        expected: attempt.expected === 'open' ? 'no-in' : 'open',
      };
      expect(judge(tried(wrong, good, reasons)).ok).toBe(false);
    }
  });
});

describe('the key of a connection', () => {
  it('is the same for an attempt and for its drop', () => {
    const spec = attemptSpec({ ...BLOCKED, family: 6 }, 23456);
    expect(specKey(spec)).toBe(
      connectionKey({
        proto: 'tcp',
        src: '2001:db8:51::10',
        sport: 23456,
        dst: '2001:760:4211::12',
        dport: 22,
      }),
    );
  });

  it('leaves ports out for echo requests of either family', () => {
    const spec = attemptSpec({ ...BLOCKED, probe: 'ping' }, 23456);
    const drop = { src: spec.source, sport: 8, dst: spec.destination, dport: 0 };
    expect(specKey(spec)).toBe(connectionKey({ ...drop, proto: 'icmp' }));
    expect(specKey(spec)).toBe(connectionKey({ ...drop, proto: 'icmp6' }));
  });
});
