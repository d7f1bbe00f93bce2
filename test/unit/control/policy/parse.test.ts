import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../src/control/policy/parse.js';
import { peersText } from '../../../../src/control/policy/peers.js';
import { servicesText } from '../../../../src/control/policy/service-reader.js';
import { fc } from '../../../chance.js';
import { policyText } from './arbitraries.js';
import { withoutPositions, writePolicy } from './write.js';

const EXAMPLE = `apiVersion: bridgewall/v1
services:
  dns:    [53/tcp, 53/udp]
  mailin: [25/tcp, 465/tcp, 587/tcp]
  both:   [dns, mailin, 33434-33534/udp]
groups:
  local:    [193.206.156.0/23, "2001:760:4211::/48"]
  mgmt:     [193.206.157.20, {name: novalis.mib.infn.it}]
  radiusC:  [local, 192.84.138.7, aquilante]
  extranet: {not: [local]}
  badguys:  {dynamic: true, max: 1000000}
  quarantine: {dynamic: true, allowScreened: true}
hosts:
  aquilante:
    addresses: [193.206.157.12, "2001:760:4211::12"]
    note: ticket 4711
    in:
      mailin: any
      80/tcp: local
      5000/tcp: {from: mgmt, log: true}
      389/tcp: [{from: local}, {from: any, log: true, id: ldap}]
      22/tcp: [local, mgmt]
      23/tcp:
        - {not: [local, 10.0.0.0/8]}
        - {name: other.example}
    out:
      dns: mgmt
      25/tcp: {to: any}
      ? [ping, proto/47]
      : any
matrix:
  - {from: aquilante, to: extranet, services: 636/tcp}
transit:
  - {from: local, to: extranet, services: all, note: for now}
deny:
  - {from: [badguys, 10.0.0.0/8], to: quarantine}
  - {services: [135/tcp, 445/tcp], log: true}
defaults:
  mode: enforce
  reject: none
  log: {drops: none}
  pickup: 0s
`;

describe('parsePolicy', () => {
  const policy = parsePolicy(EXAMPLE, 'p.yaml');

  it('keeps lines with what they say and where', () => {
    const seen = policy.lines.map((line) => {
      const { line: at, column } = line.position;
      const text = `${line.direction} ${servicesText(line.services)}: ${peersText(line.peers)}`;
      return `${at}:${column} ${text}${line.log ? ' log' : ''}${line.id ? ` id ${line.id}` : ''}`;
    });
    expect(seen).toEqual([
      '18:7 in mailin: any',
      '19:7 in 80/tcp: local',
      '20:7 in 5000/tcp: mgmt log',
      '21:17 in 389/tcp: local',
      '21:32 in 389/tcp: any log id ldap',
      '22:7 in 22/tcp: local, mgmt',
      '23:7 in 23/tcp: {not: [local, 10.0.0.0/8]}, {name: other.example}',
      '27:7 out dns: mgmt',
      '28:7 out 25/tcp: any',
      '29:9 out ping, proto/47: any',
    ]);
  });

  it('reads hosts, groups, and the lines that are no host’s', () => {
    const host = policy.hosts.get('aquilante')!;
    expect(host.addresses.map(({ text }) => text)).toEqual(['193.206.157.12', '2001:760:4211::12']);
    expect(host.note).toBe('ticket 4711');
    expect(policy.groups.get('badguys')!.dynamic).toEqual({ max: 1_000_000, allowScreened: false });
    expect(policy.groups.get('quarantine')!.dynamic).toMatchObject({ allowScreened: true });
    expect(peersText(policy.groups.get('extranet')!.items)).toBe('{not: [local]}');
    expect(policy.matrix[0]!.position).toEqual({ file: 'p.yaml', line: 32, column: 5 });
    expect(policy.transit).toHaveLength(1);
    expect(peersText(policy.deny[0]!.from!)).toBe('badguys, 10.0.0.0/8');
    expect(policy.deny[1]).toMatchObject({ from: null, to: null, log: true });
    expect(policy.logDrops).toBe(false);
    expect(policy.pickup).toBe(0);
    expect(policy.warnings).toEqual([]);
  });

  it('collects DNS names where they are used first', () => {
    expect(policy.names).toEqual([
      { name: 'novalis.mib.infn.it', position: { file: 'p.yaml', line: 8, column: 37 } },
      { name: 'other.example', position: { file: 'p.yaml', line: 25, column: 18 } },
    ]);
  });

  it('knows the codes of services, nested ones too', () => {
    expect(policy.services.get('both')!.items).toEqual([
      { low: 53, high: 53 },
      { low: 0x10035, high: 0x10035 },
      { low: 25, high: 25 },
      { low: 465, high: 465 },
      { low: 587, high: 587 },
      { low: 0x10000 + 33434, high: 0x10000 + 33534 },
    ]);
  });

  it('takes a name that is a number in YAML as it is written', () => {
    const text = 'apiVersion: bridgewall/v1\nhosts: {a: {addresses: [10.0.0.1], note: 010}}\n';
    expect(parsePolicy(text, 'p.yaml').hosts.get('a')!.note).toBe('010');
  });

  it('logs drops unless told otherwise', () => {
    const text = 'apiVersion: bridgewall/v1\n';
    expect(parsePolicy(text, 'p').logDrops).toBe(true);
    expect(parsePolicy(`${text}defaults: {log: {drops: all}}`, 'p').logDrops).toBe(true);
    expect(parsePolicy(`${text}defaults: {log: {}}`, 'p').logDrops).toBe(true);
  });

  it.each([
    ['0s', 0],
    ['60s', 60],
    ['5m', 300],
    ['1h', 3600],
  ])('reads a pickup of %s', (time, seconds) => {
    const text = `apiVersion: bridgewall/v1\ndefaults: {pickup: ${time}}\n`;
    expect(parsePolicy(text, 'p').pickup).toBe(seconds);
  });

  it('warns about an empty group', () => {
    const text = 'apiVersion: bridgewall/v1\ngroups:\n  none: []\n';
    expect(parsePolicy(text, 'p.yaml').warnings).toEqual([
      {
        message: 'group "none" is empty: no line that names it matches anything',
        position: { file: 'p.yaml', line: 3, column: 3 },
      },
    ]);
  });
});

describe('a policy that is written out again', () => {
  it('reads as the same policy', () => {
    fc.assert(
      fc.property(policyText, (text) => {
        const policy = parsePolicy(text, 'p.yaml');
        const again = parsePolicy(writePolicy(policy), 'p.yaml');
        expect(withoutPositions(again)).toEqual(withoutPositions(policy));
      }),
      { numRuns: 100 },
    );
  });

  it('has every line where the text has it', () => {
    fc.assert(
      fc.property(policyText, (text) => {
        const rows = text.split('\n');
        for (const { position, services } of parsePolicy(text, 'p.yaml').lines) {
          const row = rows[position.line - 1]!;
          expect(row.slice(position.column - 1)).toMatch(/^\{(from|to): /);
          expect(row.trimStart().startsWith(services[0]!.text)).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });
});
