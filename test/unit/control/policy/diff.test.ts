import { describe, expect, it } from 'vitest';
import { compile } from '../../../../src/control/policy/compile.js';
import { diffLimits, diffRules } from '../../../../src/control/policy/diff.js';
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

describe('diffLimits', () => {
  const limited = (limits: string, own: string) =>
    compile(
      parsePolicy(
        [
          'apiVersion: bridgewall/v1',
          'hosts:',
          `  h: {addresses: [10.0.0.1], in: {all: any}, limits: ${own}}`,
          '  i: {addresses: [10.0.0.2], in: {all: any}}',
          `defaults: {limits: {${limits}}}`,
        ].join('\n'),
        'p.yaml',
      ),
    );
  const some = limited('perSource: {states: 5}, perHost: {states: 9, rate: 2/m}', '{states: none}');

  it('has what a host leaves out from all hosts', () => {
    expect(some.hosts.map(({ limit }) => limit)).toEqual([
      { states: 0, rate: '2/m' },
      { states: 9, rate: '2/m' },
    ]);
    expect(limited('perHost: {states: 9}', 'none').hosts[0]!.limit).toEqual({
      states: 0,
      rate: '',
    });
  });

  it('tells what changes for sources and hosts', () => {
    expect(diffLimits(null, some)).toEqual([
      { what: 'every source', before: '', after: '5 states' },
      { what: 'host h', before: '', after: '2/m' },
      { what: 'host i', before: '', after: '9 states, 2/m' },
    ]);
    expect(diffLimits(some, some)).toEqual([]);
    expect(diffLimits(some, limited('perHost: {states: 9, rate: 2/m}', '{rate: none}'))).toEqual([
      { what: 'every source', before: '5 states', after: '' },
      { what: 'host h', before: '2/m', after: '9 states' },
    ]);
  });

  it('makes another digest', () => {
    expect(limited('', 'none').digest).not.toBe(limited('', '{states: 1}').digest);
    expect(limited('', 'none').digest).not.toBe(limited('perSource: {rate: 1/s}', 'none').digest);
  });
});
