/** Rules and matrix as columns: what is made of them is what they were made of. */
import { describe, expect, it } from 'vitest';
import {
  compile,
  MatrixTable,
  parsePolicy,
  RuleTable,
} from '../../../../src/control/policy/index.js';
import { hashedId } from '../../../../src/control/policy/rule-id.js';

const TEXT = `apiVersion: bridgewall/v1
groups: {bad: {dynamic: true, max: 9}, local: [10.0.0.0/8]}
hosts:
  web: {addresses: [192.0.2.1], in: {80/tcp: any, 22/tcp: {from: [local, bad], log: true, id: ssh}}}
  db: {addresses: [192.0.2.2], in: {5432/tcp: web}, out: {all: {to: local, rate: 10/s}}}
matrix: [{from: local, to: web, services: 81/tcp, id: m}, {from: bad, to: db, services: 82/tcp}]
transit: [{from: local, to: 198.51.100.0/24, services: [53/udp, 53/tcp]}]
deny: [{from: bad}]
`;
const plan = compile(parsePolicy(TEXT, 'p.yaml'));

describe('rules as columns', () => {
  it('are the same rules again', () => {
    const rules = [...plan.rules];
    expect(rules).toHaveLength(plan.rules.length);
    expect([...RuleTable.of(rules)]).toEqual(rules);
    expect([...new RuleTable(structuredClone(plan.rules.columns))]).toEqual(rules);
    expect([...plan.rules.pick([2, 0])]).toEqual([rules[2], rules[0]]);
  });

  it('have the ids that each has by itself', () => {
    for (const rule of plan.rules) {
      if (!/^(ssh$|m\/)/.test(rule.id)) expect(rule.id).toBe(hashedId(rule));
    }
    expect(plan.rules.ids.filter((id) => /^(ssh$|m\/)/.test(id))).toEqual(['ssh', 'm/in/web']);
  });

  it('tell whether two are the same, whatever table they are in', () => {
    const others = RuleTable.of([...plan.rules].reverse());
    const last = plan.rules.length - 1;
    for (let i = 0; i <= last; i++) {
      for (let j = 0; j <= last; j++) {
        expect(plan.rules.sameContent(i, others, j)).toBe(i === last - j);
      }
    }
  });
});

it('a matrix as columns is the same matrix again', () => {
  const entries = [...plan.matrix];
  expect(entries.some(({ alternatives }) => alternatives.length > 0)).toBe(true);
  expect(entries.some(({ rule }) => rule === null)).toBe(true);
  expect([...MatrixTable.of(entries)]).toEqual(entries);
  expect([...new MatrixTable(structuredClone(plan.matrix.columns))]).toEqual(entries);
});
