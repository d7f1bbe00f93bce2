import { describe, expect, it } from 'vitest';
import { compile } from '../../../../src/control/policy/compile.js';
import { diffRules } from '../../../../src/control/policy/diff.js';
import { parsePolicy } from '../../../../src/control/policy/parse.js';
import type { Plan } from '../../../../src/control/policy/plan.js';

function plan(lines: string): Plan {
  const text = `apiVersion: bridgewall/v1\nhosts: {h: {addresses: [10.0.0.1], in: {${lines}}}}\n`;
  return compile(parsePolicy(text, 'p.yaml'));
}

function diff(before: string | null, after: string): string[] {
  return diffRules(before === null ? null : plan(before), plan(after)).map(
    ({ kind, before: old, after: now }) =>
      `${kind} ${old ? `${old.service} ${old.peers}` : '-'} > ${now ? `${now.service} ${now.peers}` : '-'}`,
  );
}

describe('diffRules', () => {
  it('has everything added at first', () => {
    expect(diff(null, '1/tcp: any')).toEqual(['added - > 1/tcp any']);
  });

  it('finds nothing when lines only move', () => {
    expect(diff('1/tcp: any, 2/tcp: any', '2/tcp: any, 1/tcp: any')).toEqual([]);
  });

  it('tells added, removed and changed apart', () => {
    expect(
      diff('1/tcp: any, 2/tcp: any, 3/tcp: any', '1/tcp: 10.0.0.2, 3/tcp: any, 4/tcp: any'),
    ).toEqual([
      'changed 1/tcp any > 1/tcp 10.0.0.2',
      'added - > 4/tcp any',
      'removed 2/tcp any > -',
    ]);
  });

  it('takes an explicit id for the rule itself', () => {
    expect(diff('1/tcp: {from: any, id: x}', '2/tcp: {from: any, id: x}')).toEqual([
      'changed 1/tcp any > 2/tcp any',
    ]);
  });

  it('sees options change', () => {
    expect(diff('1/tcp: any', '1/tcp: {from: any, log: true}')).toEqual([
      'changed 1/tcp any > 1/tcp any',
    ]);
  });

  it('pairs lines of one service in their order', () => {
    expect(
      diff(
        '1/tcp: [{from: 10.0.0.2}, {from: 10.0.0.3}]',
        '1/tcp: [{from: 10.0.0.4}, {from: 10.0.0.3}, {from: 10.0.0.5}]',
      ),
    ).toEqual(['changed 1/tcp 10.0.0.2 > 1/tcp 10.0.0.4', 'added - > 1/tcp 10.0.0.5']);
  });
});
