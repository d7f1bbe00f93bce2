import { describe, expect, it } from 'vitest';
import { readAddress } from '../../../../src/control/policy/address.js';
import { type CompileOptions, compile } from '../../../../src/control/policy/compile.js';
import { PolicyError } from '../../../../src/control/policy/errors.js';
import { parsePolicy } from '../../../../src/control/policy/parse.js';
import { PEER_ANY, type Plan } from '../../../../src/control/policy/plan.js';

/** With its rules and its matrix entry by entry. */
function plan(text: string, options?: CompileOptions) {
  const made = compile(parsePolicy(`apiVersion: bridgewall/v1\n${text}`, 'p.yaml'), options);
  return { ...made, rules: [...made.rules], matrix: [...made.matrix] };
}

function entryOf(from: Pick<Plan, 'addresses'>, text: string, length = 128) {
  const address = readAddress(text);
  if (!(address instanceof Uint8Array)) throw new Error(address.problem);
  return from.addresses.find(
    (entry) => entry.length === length && Buffer.compare(entry.address, address) === 0,
  );
}

function error(make: () => unknown): string {
  try {
    make();
  } catch (thrown) {
    if (thrown instanceof PolicyError) return thrown.message;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

const SMALL = `
groups:
  net: [10.0.0.0/8, 2001:db8::/32]
  lab: [10.1.0.0/16]
hosts:
  web:
    addresses: [10.1.0.1, "2001:db8::1"]
    in:
      80/tcp: any
      22/tcp: {from: lab, log: true}
  db:
    addresses: [10.2.0.1]
    in: {5432/tcp: web}
    out: {all: net}
`;

describe('address classes', () => {
  const small = plan(SMALL);

  it('gives every screened address an entry of its own', () => {
    expect(entryOf(small, '10.1.0.1')?.host).toBe(1);
    expect(entryOf(small, '2001:db8::1')?.host).toBe(1);
    expect(entryOf(small, '10.2.0.1')?.host).toBe(2);
  });

  it('gives IPv4 prefixes their length in the 16-byte form', () => {
    expect(entryOf(small, '10.0.0.0', 104)?.peerClass).not.toBe(0);
    expect(entryOf(small, '10.1.0.0', 112)?.peerClass).not.toBe(0);
    expect(entryOf(small, '2001:db8::', 32)?.peerClass).toBe(
      entryOf(small, '10.0.0.0', 104)?.peerClass,
    );
    expect(small.defaultV4.peerClass).toBe(0);
  });

  it('classes only by groups that a line names', () => {
    const unused = plan(`groups: {a: [10.0.0.0/8]}\nhosts: {h: {addresses: [10.0.0.1]}}`);
    expect(unused.addresses).toHaveLength(1);
    expect(unused.addresses[0]!.peerClass).toBe(0);
  });

  it('leaves out prefixes that say what the one around them says', () => {
    const nested = plan(
      `groups: {a: [10.0.0.0/8, 10.1.0.0/16, 10.1.1.0/24]}\nhosts: {h: {addresses: [192.0.2.1], in: {all: a}}}`,
    );
    expect(nested.addresses.map(({ length }) => length)).toEqual([104, 128]);
  });

  it('puts whole families into the defaults', () => {
    const wide = plan(
      `groups: {a: [0.0.0.0/0], b: ["::/0"]}\nhosts: {h: {addresses: [192.0.2.1], in: {1/tcp: a, 2/tcp: b}}}`,
    );
    expect(wide.addresses).toHaveLength(1);
    expect(wide.defaultV4.peerClass).not.toBe(wide.defaultV6.peerClass);
    expect(wide.defaultV4.peerClass).not.toBe(0);
  });

  it('takes `not` from both families', () => {
    const outside = plan(
      `groups: {a: {not: [10.0.0.0/8]}}\nhosts: {h: {addresses: [192.0.2.1], in: {all: a}}}`,
    );
    expect(outside.defaultV6.peerClass).toBe(outside.defaultV4.peerClass);
    expect(outside.defaultV6.peerClass).not.toBe(0);
    expect(entryOf(outside, '10.0.0.0', 104)?.peerClass).toBe(0);
  });

  it('uses the addresses of names', () => {
    const text = 'hosts: {h: {addresses: [192.0.2.1], in: {all: {name: a.example}}}}';
    const named = plan(text, { names: new Map([['a.example', ['198.51.100.1', '2001:db8::7']]]) });
    expect(entryOf(named, '198.51.100.1')).toBeDefined();
    expect(entryOf(named, '2001:db8::7')).toBeDefined();
    expect(error(() => plan(text, { names: new Map([['a.example', ['300.0.0.1']]]) }))).toBe(
      'p.yaml:2:54: "a.example" resolves to "300.0.0.1", which cannot be used; hint: each of the four numbers is between 0 and 255',
    );
  });
});

describe('service classes', () => {
  it('puts codes that no line tells apart into one class', () => {
    const services = plan(
      `services: {mail: [25/tcp, 465/tcp]}\nhosts: {h: {addresses: [192.0.2.1], in: {mail: any, 1-9/tcp: any, all: any}}}`,
    );
    expect(services.services[25]).toBe(services.services[465]);
    expect(services.services[1]).toBe(services.services[9]);
    expect(services.services[25]).not.toBe(services.services[1]);
    expect(services.services[80]).toBe(0);
    expect(services.serviceDeny).toHaveLength(3);
  });

  it('covers every code of ping, proto/6 and proto/1', () => {
    const { services } = plan(
      'hosts: {h: {addresses: [192.0.2.1], in: {ping: any, proto/6: any, proto/1: any}}}',
    );
    expect(services[0x30008]).not.toBe(0);
    expect(services[0x30008]).not.toBe(services[0x30000]);
    expect(services[0x30180]).not.toBe(0);
    expect(services[0]).toBe(services[0xffff]);
    expect(services[0x10000]).toBe(0);
  });
});

describe('the matrix', () => {
  it('has an entry for any peer and one for each class that wins over it', () => {
    const { matrix, rules } = plan(SMALL);
    const ids = matrix.map(({ direction, host, peer, rule, log }) => [
      direction,
      host,
      peer === PEER_ANY ? 'any' : 'class',
      rules[rule!]!.service,
      log,
    ]);
    expect(ids).toContainEqual(['in', 1, 'any', '80/tcp', false]);
    expect(ids).toContainEqual(['in', 1, 'class', '22/tcp', true]);
    expect(ids).toContainEqual(['in', 2, 'class', '5432/tcp', false]);
  });

  it('drops entries that the one for any peer would answer alike', () => {
    const host = (lines: string): string => `hosts: {h: {addresses: [192.0.2.1], in: {${lines}}}}`;
    const first = plan(host('80/tcp: [{from: any}, {from: 10.0.0.0/8}]'));
    expect(first.matrix).toHaveLength(1);
    const second = plan(host('80/tcp: [{from: 10.0.0.0/8}, {from: any}]'));
    expect(second.matrix).toHaveLength(2);
    const wider = plan(host('1-99/tcp: 10.0.0.0/8, 80/tcp: any'));
    expect(wider.matrix).toHaveLength(2);
  });

  it('has both halves of a matrix line, by any address of a host', () => {
    const text = `groups: {some: ["2001:db8::/64", 198.51.100.0/24]}
hosts: {a: {addresses: [192.0.2.1, "2001:db8::1"]}, b: {addresses: [192.0.2.2]}}
matrix:
  - {from: some, to: b, services: 636/tcp, id: ldap}`;
    const { rules } = plan(text);
    expect(rules.map(({ id, host, direction, peers }) => [id, host, direction, peers])).toEqual([
      ['ldap/out/a', 'a', 'out', 'b'],
      ['ldap/in/b', 'b', 'in', 'some'],
    ]);
  });

  it('expands transit by the class of the source', () => {
    const { matrix } = plan(
      'groups: {a: [10.0.0.0/8], b: [11.0.0.0/8]}\ntransit:\n  - {from: a, to: b, services: all}\n  - {from: any, to: a, services: ping}',
    );
    expect(matrix.every(({ direction }) => direction === 'transit')).toBe(true);
    // From `a`: both service classes to b, ping to a. From b and from elsewhere: ping to a.
    expect(matrix).toHaveLength(5);
  });

  it('grows with the rules, and with nothing else', () => {
    const entries = (hosts: number, groups: number) => {
      const lines = ['groups:'];
      for (let i = 0; i < groups; i++) lines.push(`  g${i}: [10.${i}.0.0/16]`);
      lines.push('hosts:');
      for (let i = 0; i < hosts; i++) {
        lines.push(`  h${i}:`, `    addresses: [192.168.${i >> 8}.${i & 255}]`, '    in:');
        for (let j = 0; j < 13; j++) {
          const peer = j % 3 === 0 ? 'any' : `g${(i + j) % groups}`;
          lines.push(`      ${1000 + j}/tcp: ${peer}`);
        }
      }
      return plan(lines.join('\n'));
    };
    const large = entries(5000, 40);
    expect(large.rules).toHaveLength(65_000);
    expect(large.matrix).toHaveLength(65_000);
    expect(large.addresses).toHaveLength(5040);
    expect(large.serviceDeny).toHaveLength(14);
    expect(entries(500, 40).matrix).toHaveLength(6500);
    expect(entries(500, 10).matrix).toHaveLength(6500);
  });
});

describe('dynamic groups', () => {
  const host = (lines: string, groups = 'vpn: {dynamic: true}, ops: {dynamic: true}'): string =>
    `groups: {local: [10.0.0.0/8], ${groups}}
hosts: {h: {addresses: [192.0.2.1], in: {${lines}}}}`;
  const VPN = 1;
  const OPS = 2;

  it('are alternatives of an entry, in the order of precedence', () => {
    const { matrix } = plan(
      host('22/tcp: [{from: local}, {from: vpn, log: true}, {from: [ops, 11.0.0.0/8]}]'),
    );
    const [vpn, ops] = [
      { from: VPN, to: 0, rule: 1, log: true },
      { from: OPS, to: 0, rule: 2, log: false },
    ];
    expect(matrix.map(({ peer, rule, alternatives }) => [peer, rule, alternatives])).toEqual([
      [expect.any(Number), 0, []],
      [expect.any(Number), 2, [vpn]],
      [PEER_ANY, null, [vpn, ops]],
    ]);
  });

  it('take no entry where they change nothing', () => {
    expect(plan(host('22/tcp: [{from: any}, {from: vpn}]')).matrix).toMatchObject([
      { peer: PEER_ANY, rule: 0, alternatives: [] },
    ]);
    expect(plan(host('22/tcp: [{from: [vpn, ops]}, {from: vpn}, {from: ops}]')).matrix).toEqual([
      expect.objectContaining({
        rule: null,
        alternatives: [{ from: VPN | OPS, to: 0, rule: 0, log: false }],
      }),
    ]);
    // Who is not local is asked by the entry for any peer.
    expect(plan(host('22/tcp: [{from: any}, {from: local}], 80/tcp: vpn')).matrix).toHaveLength(2);
  });

  it('go by the narrowest service first', () => {
    const { matrix, services } = plan(host('all: {from: any, id: all}, 22/tcp: {from: vpn}'));
    const ssh = matrix.filter(({ serviceClass }) => serviceClass === services[22]);
    expect(ssh).toMatchObject([{ rule: 0, alternatives: [{ from: VPN, rule: 1 }] }]);
    const all = matrix.filter(({ serviceClass }) => serviceClass === services[80]);
    expect(all).toMatchObject([{ rule: 0, alternatives: [] }]);
  });

  it('give a matrix line its half at the peer, and at hosts that may be members', () => {
    const lines = (groups: string) =>
      plan(`groups: {${groups}}
hosts: {a: {addresses: [192.0.2.1]}, b: {addresses: [192.0.2.2]}}
matrix:
  - {from: [q, a], to: b, services: 636/tcp, id: m}`);
    expect(lines('q: {dynamic: true}').rules.map(({ id }) => id)).toEqual(['m/out/a', 'm/in/b']);
    const all = lines('q: {dynamic: true, allowScreened: true}');
    expect(all.rules.map(({ id }) => id)).toEqual(['m/out/a', 'm/out/b', 'm/in/b']);
    const out = all.matrix.filter(({ direction }) => direction === 'out');
    expect(out).toMatchObject([
      { host: 1, rule: 0, alternatives: [] },
      { host: 2, rule: null, alternatives: [{ from: 1, to: 0, rule: 1 }] },
    ]);
  });

  it('ask both ends of transit', () => {
    const { matrix } = plan(
      `groups: {local: [10.0.0.0/8], vpn: {dynamic: true}, ops: {dynamic: true}}
transit:
  - {from: [vpn, local], to: [ops, local], services: all, id: t}`,
    );
    const alternatives = matrix.map(({ host, peer, rule, alternatives: [one] }) => [
      host === 0 ? 'other' : 'local',
      peer === PEER_ANY ? 'other' : 'local',
      rule,
      one === undefined ? null : [one.from, one.to],
    ]);
    expect(new Set(alternatives.map((one) => JSON.stringify(one)))).toEqual(
      new Set(
        [
          ['local', 'local', 0, null],
          ['local', 'other', null, [0, OPS]],
          ['other', 'local', null, [VPN, 0]],
          ['other', 'other', null, [VPN, OPS]],
        ].map((one) => JSON.stringify(one)),
      ),
    );
  });

  it('that would have to be asked too often are refused where it is too much', () => {
    const names = Array.from({ length: 32 }, (_, i) => `d${i}`);
    const groups = names.map((name) => `${name}: {dynamic: true, allowScreened: true}`).join(', ');
    const pairs = (count: number) =>
      `groups: {${groups}}\ntransit:\n${Array.from(
        { length: count },
        (_, i) => `  - {from: d${i % 32}, to: d${(i + (i >> 5)) % 32}, services: all}\n`,
      ).join('')}`;
    expect(plan(pairs(32)).matrix[0]!.alternatives).toHaveLength(32);
    expect(error(() => plan(pairs(33)))).toBe(
      'p.yaml:36:5: more than 32 lines with dynamic groups meet in one host and service; hint: name the groups of several lines in the list of one',
    );
    // One for each group can never be too many.
    const lines = names.map((name) => `{from: ${name}}`);
    expect(
      plan(host(`22/tcp: [${lines.join(', ')}, ${lines.join(', ')}, {from: any}]`, groups))
        .matrix[0]!.alternatives,
    ).toHaveLength(32);
  });

  it('change the digest with what they are asked for', () => {
    const digest = (lines: string) => plan(host(lines)).digest;
    const seen = ['{from: vpn}', '{from: ops}', '{from: [vpn, ops]}', '{from: local}'].map((one) =>
      digest(`22/tcp: {from: any, id: a}, 80/tcp: [${one.replace('}', ', id: b}')}]`),
    );
    expect(new Set(seen).size).toBe(4);
  });
});

describe('deny', () => {
  it('becomes one bit per line', () => {
    const denied = plan(
      `groups: {bad: {dynamic: true}, worse: {dynamic: true}}
deny:
  - {from: [worse, 10.0.0.0/8], to: 11.0.0.0/8, log: true}
  - {services: [135/tcp, 445/tcp]}
  - {to: bad, services: all}`,
    );
    expect(denied.deny).toEqual([
      { rule: 0, log: true, dynamicFrom: [1], dynamicTo: [], allServices: true },
      { rule: 1, log: false, dynamicFrom: [], dynamicTo: [], allServices: false },
      { rule: 2, log: false, dynamicFrom: [], dynamicTo: [0], allServices: true },
    ]);
    expect(denied.defaultV4).toMatchObject({ denyFrom: 0b110n, denyTo: 0b010n });
    expect(entryOf(denied, '10.0.0.0', 104)).toMatchObject({ denyFrom: 0b111n, denyTo: 0b010n });
    expect(entryOf(denied, '11.0.0.0', 104)).toMatchObject({ denyFrom: 0b110n, denyTo: 0b011n });
    expect(denied.serviceDeny[denied.services[135]!]).toBe(0b010n);
    expect(denied.serviceDeny[0]).toBe(0n);
  });
});

describe('rules', () => {
  const host = (lines: string): string => `hosts: {h: {addresses: [192.0.2.1], in: {${lines}}}}`;

  it('keep their ids when they move, and change them with their content', () => {
    const [a, b] = plan(host('1/tcp: any, 2/tcp: any')).rules;
    const [c, d] = plan(host('2/tcp: any, 1/tcp: any')).rules;
    expect([a!.id, b!.id]).toEqual([d!.id, c!.id]);
    expect(a!.id).toMatch(/^[a-z2-7]{10}$/);
    const logged = plan(host('1/tcp: {from: any, log: true}')).rules[0]!;
    expect(logged.id).not.toBe(a!.id);
  });

  it('come in the order of the file', () => {
    const { rules } = plan(
      `deny:\n  - {from: 10.0.0.1}\nmatrix:\n  - {from: h, to: any, services: all}\n${host('1/tcp: any')}`,
    );
    expect(rules.map(({ direction }) => direction)).toEqual(['deny', 'out', 'in', 'in']);
  });

  it('keeps the first of identical lines and warns', () => {
    const { rules, warnings } = plan(host('1/tcp: [{from: any}, {from: any}]'));
    expect(rules).toHaveLength(1);
    expect(warnings).toEqual([
      {
        message: 'the same as the line at p.yaml:2:50',
        position: { file: 'p.yaml', line: 2, column: 63 },
      },
    ]);
  });
});

describe('limits', () => {
  const text = `groups: {g: [10.0.0.0/8]}
hosts:
  h:
    addresses: [192.0.2.1]
    in:
      1/tcp: any
      2/tcp: g
      3/tcp: any`;

  it.each([
    [{ rules: 2 }, /^p\.yaml:9:7: more than 2 rules; hint: /],
    [{ matrixEntries: 2 }, /^p\.yaml:9:7: the policy needs more than 2 matrix entries; hint: /],
    [{ addresses: 1 }, /^p\.yaml:4:3: the policy needs 2 address entries, and 1 fit; hint: /],
    [{ serviceClasses: 3 }, /^p\.yaml:9:7: more than 3 service classes; hint: /],
  ])('%j', (limits, message) => {
    expect(error(() => plan(text, { limits }))).toMatch(message);
  });

  it('fits exactly', () => {
    const limits = { rules: 3, matrixEntries: 3, addresses: 2, serviceClasses: 4 };
    expect(plan(text, { limits }).rules).toHaveLength(3);
  });
});

describe('the digest', () => {
  it('ignores what decides nothing', () => {
    const digest = plan(SMALL).digest;
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(plan(`\n\n# moved down\n${SMALL}`).digest).toBe(digest);
    const unused = SMALL.replace('hosts:', '  unused: [1.2.3.4]\nhosts:');
    expect(plan(unused).digest).toBe(digest);
    const [head, tail] = SMALL.split('hosts:\n');
    const split = tail!.indexOf('  db:');
    const swapped = `${head}hosts:\n${tail!.slice(split)}${tail!.slice(0, split)}`;
    expect(plan(swapped).digest).toBe(digest);
  });

  it('sees for how long connections are picked up', () => {
    const within = (time: string) => plan(`${SMALL}\ndefaults: {pickup: ${time}}\n`);
    expect(within('60s').pickup).toBe(60);
    expect(within('60s').digest).not.toBe(within('61s').digest);
    expect(within('0s').digest).toBe(plan(SMALL).digest);
  });

  it.each([
    ['80/tcp', '81/tcp'],
    ['10.1.0.0/16', '10.1.0.0/17'],
    ['log: true', 'log: false'],
    ['[10.2.0.1]', '[10.2.0.2]'],
    ['all: net', 'all: any'],
    ['web:', 'www:'],
  ])('sees %s become %s', (before, after) => {
    const changed = SMALL.replaceAll(before, after).replace('5432/tcp: web', '5432/tcp: 10.1.0.1');
    const same = SMALL.replace('5432/tcp: web', '5432/tcp: 10.1.0.1');
    expect(plan(changed).digest).not.toBe(plan(same).digest);
  });
});
