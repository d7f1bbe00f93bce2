import { expect, test } from 'vitest';
import { plain } from '../../../../src/bwctl/format/paint.js';
import { formatApply, formatDryRun, formatPlan } from '../../../../src/bwctl/format/policy.js';
import type { PlanResult, RuleChange, RuleRef } from '../../../../src/control/service.js';

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

const GENERATION = { generation: 4, digest: 'd', installed: true, confirm: null };

function planOf(...changes: RuleChange[]): PlanResult {
  const differs = changes.length > 0;
  return {
    ...{ differs, changes, limits: [], bindings: [], packets: [], packetsMore: 0, warnings: [] },
    ...{ rules: 2, hosts: 1, statesCut: 0 },
  };
}

test('a plan shows every change with its sign and place', () => {
  const plan = planOf(
    { kind: 'added', before: null, after: RULE },
    { kind: 'removed', before: { ...RULE, service: '23/tcp', line: 8 }, after: null },
    { kind: 'changed', before: RULE, after: { ...RULE, peers: 'local', line: 10 } },
    { kind: 'changed', before: RULE, after: { ...RULE, line: 12 } },
  );
  expect(formatPlan(plan, plain)).toEqual([
    '+ mail in 25/tcp from any  p.yaml:9',
    '- mail in 23/tcp from any  p.yaml:8',
    '~ was mail in 25/tcp from any  p.yaml:9',
    '~ now mail in 25/tcp from local  p.yaml:10',
    '~ mail in 25/tcp from any  p.yaml:12',
    '1 rule added, 1 removed, 2 changed',
  ]);
});

test('a plan says what packets it opens and closes', () => {
  const out = { direction: 'out' as const, host: 'mail', services: ['25/tcp', '53/udp'] };
  const packets = [
    { kind: 'opened' as const, ...out, peers: ['any'], to: [] },
    { kind: 'closed' as const, ...out, peers: ['10.0.0.1', 'members of vpn'], to: [] },
  ];
  const plan = { ...planOf(), differs: true, packets, packetsMore: 3 };
  expect(formatPlan(plan, plain)).toEqual([
    'opens  mail out 25/tcp, 53/udp to any',
    'closes mail out 25/tcp, 53/udp to 10.0.0.1, members of vpn',
    'and 3 packet classes more',
    'no rule changed',
  ]);
});

test('no differences, and differences that are in no rule', () => {
  expect(formatPlan(planOf(), plain)).toEqual(['no differences']);
  expect(formatPlan({ ...planOf(), differs: true }, plain)).toEqual(['no rule changed']);
});

test('an apply of a large policy shows the first changes', () => {
  const changes = Array.from({ length: 50 }, (_, i) => {
    const after = { ...RULE, line: i + 1 };
    return { kind: 'added' as const, before: null, after };
  });
  const applied = { ...planOf(...changes), ...GENERATION };
  const lines = formatApply(applied, plain);
  expect(lines).toHaveLength(42);
  expect(lines.slice(-2)).toEqual([
    '  and 10 changes more',
    'generation 4 installed: 50 rules added, 0 removed, 0 changed (2 rules, 1 host in all)',
  ]);
});

test('live connections that end are told', () => {
  expect(formatPlan({ ...planOf(), differs: true, statesCut: 1 }, plain)).toEqual([
    'no rule changed',
    '1 live connection would end',
  ]);
  const applied = { ...planOf(), ...GENERATION, statesCut: 2 };
  expect(formatApply(applied, plain)).toEqual([
    'generation 4 installed: no rule changed (2 rules, 1 host in all)',
    '2 live connections end',
  ]);
});

test('a policy on trial says when it ends, a dry run that nothing was installed', () => {
  const confirm = { deadline: 90, fallback: 3 };
  const applied = { ...planOf(), ...GENERATION, confirm };
  expect(formatApply(applied, plain).at(-1)).toBe(
    'generation 3 comes back in 1m30s unless you run bwctl confirm',
  );
  expect(formatDryRun({ ...planOf(), ...GENERATION, installed: false }, plain)).toEqual([
    'no differences',
    'generation 4 stays: a dry run',
  ]);
});

test('limits that change are told with the rules', () => {
  const limits = [
    { what: 'every source', before: '', after: '1000 states, 50/s' },
    { what: 'host www', before: '5/s', after: '' },
  ];
  expect(formatPlan({ ...planOf(), differs: true, limits }, plain)).toEqual([
    '~ limits of every source: none -> 1000 states, 50/s',
    '~ limits of host www: 5/s -> none',
    'no rule changed',
  ]);
});
