import { describe, expect, it } from 'vitest';
import { compile } from '../../../../src/control/policy/compile.js';
import { PolicyError } from '../../../../src/control/policy/errors.js';
import { parsePolicy } from '../../../../src/control/policy/parse.js';

/** What goes wrong with a policy: "line:column: problem; hint: ..." */
function complaint(text: string): { code: string; message: string } {
  try {
    compile(parsePolicy(text, 'p.yaml'));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    expect(error.message).not.toContain('\n');
    const { line, column } = error.position;
    expect(error.message.startsWith(`p.yaml:${line}:${column}: `)).toBe(true);
    return { code: error.code, message: error.message.slice('p.yaml:'.length) };
  }
  throw new Error('the policy was accepted');
}

/** Lines 2... of a policy; line 1 is the version. */
const after = (text: string): string => `apiVersion: bridgewall/v1\n${text}`;
const inGroup = (item: string): string => after(`groups:\n  g: [${item}]\n`);
const inHost = (line: string): string =>
  after(`hosts:\n  web:\n    addresses: [192.0.2.1]\n    ${line}\n`);
const many = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => `  ${line(i)}\n`).join('');

const CASES: [name: string, text: string, code: string, message: string | RegExp][] = [
  ['YAML syntax', after('groups:\n  g: [10.0.0.1\n'), 'syntax', /^4:1: this is not YAML: /],
  ['tabs', after('groups:\n\tg: []\n'), 'syntax', /^3:1: this is not YAML: /],
  ['two documents', after('---\na: 1\n'), 'syntax', /^2:1: this is not YAML: /],
  ['unknown tag', after('groups: !x {}\n'), 'syntax', /^2:9: this is not YAML: /],
  [
    'nesting without end',
    after(`groups: ${'['.repeat(100_000)}`),
    'syntax',
    /^2:\d+: this is not YAML: /,
  ],
  [
    'control characters',
    inGroup('"1:\\n\\e[31m"'),
    'bad-address',
    '3:7: 1:??[31m is not an address; hint: an IPv6 address has eight groups of hex digits, or one ::, as in 2001:db8::1',
  ],
  [
    'groups too deep',
    after(`groups:\n${many(66, (i) => `g${i}: [${i < 65 ? `g${i + 1}` : ''}]`)}`),
    'too-large',
    '67:3: groups nest more than 64 deep; hint: name the addresses themselves at some level',
  ],
  [
    'nothing',
    '',
    'missing-key',
    '1:1: the policy is empty; hint: begin with apiVersion: bridgewall/v1',
  ],
  [
    'no version',
    '# text\n\nhosts: {}\n',
    'missing-key',
    '3:1: the policy has no apiVersion; hint: begin with apiVersion: bridgewall/v1',
  ],
  [
    'other version',
    'apiVersion: bridgewall/v9\n',
    'unsupported',
    '1:13: apiVersion "bridgewall/v9" is unknown; hint: write bridgewall/v1',
  ],
  [
    'not a map',
    '- a\n',
    'wrong-type',
    '1:1: the policy must be a map, but is a list; hint: its keys are apiVersion, services, groups, hosts, matrix, transit, deny, defaults',
  ],
  [
    'unknown key',
    after('hots: {}\n'),
    'unknown-key',
    '2:1: unknown key "hots" in the policy; hint: did you mean hosts?',
  ],
  [
    'unknown key of a host',
    inHost('adresses: [10.0.0.1]'),
    'unknown-key',
    '5:5: unknown key "adresses" in host "web"; hint: did you mean addresses?',
  ],
  [
    'unknown option',
    inHost('in: {25/tcp: {from: any, logg: true}}'),
    'unknown-key',
    '5:30: unknown key "logg" in the line; hint: did you mean log?',
  ],
  [
    'to in in',
    inHost('in: {25/tcp: {to: any}}'),
    'unknown-key',
    '5:19: `in` has no to; hint: write from instead',
  ],
  [
    'wrong type of a section',
    after('groups: [a]\n'),
    'wrong-type',
    '2:9: `groups` must be a map, but is a list; hint: write each group as name: [addresses]',
  ],
  [
    'empty section',
    after('hosts:\ngroups: {}\n'),
    'wrong-type',
    '2:1: `hosts` must be a map, but is empty; hint: write each host as name: {addresses: [...]}',
  ],
  [
    'wrong type of log',
    inHost('in: {25/tcp: {from: any, log: yes}}'),
    'wrong-type',
    '5:35: `log` must be true, false or session, but is "yes"; hint: write true, false or session',
  ],
  [
    'deny is no list',
    after('deny: {from: any}\n'),
    'wrong-type',
    '2:7: `deny` must be a list, but is a map; hint: write a list of lines, each with from, to or services',
  ],
  [
    'an empty group value',
    after('groups:\n  a:\n'),
    'wrong-type',
    '3:3: group "a" must be a list, but is empty; hint: write a list of addresses and groups, {not: [...]}, {name: ...} or {dynamic: true}',
  ],
  [
    'host bits',
    inGroup('193.206.156.7/23'),
    'bad-address',
    '3:7: 193.206.156.7/23 has bits set past its prefix length; hint: write 193.206.156.0/23 for the network, or 193.206.156.7 for the one address',
  ],
  [
    'leading zero',
    inGroup('10.0.0.1, 010.0.0.1'),
    'bad-address',
    '3:17: 010.0.0.1 has a leading zero, which some programs read as octal; hint: write 10.0.0.1 if decimal is meant',
  ],
  [
    'short address',
    inGroup('10.1'),
    'bad-address',
    '3:7: 10.1 is not an address; hint: an IPv4 address has four numbers, as in 192.0.2.1',
  ],
  [
    'prefix too long',
    inGroup('10.0.0.0/33'),
    'bad-address',
    '3:7: 10.0.0.0/33 has no prefix length between 0 and 32; hint: write 10.0.0.0/32 for the one address',
  ],
  [
    'IPv4-mapped',
    inGroup('"::ffff:10.0.0.1"'),
    'bad-address',
    '3:7: ::ffff:10.0.0.1 is an IPv4-mapped IPv6 address; hint: write 10.0.0.1',
  ],
  [
    'network as host address',
    after('hosts:\n  web: {addresses: [10.0.0.0/8]}\n'),
    'bad-address',
    '3:21: "10.0.0.0/8" is not a single address; hint: write a single address, as in 192.0.2.1 or "2001:db8::1"',
  ],
  [
    'host at a loopback address',
    after('hosts:\n  web: {addresses: [192.0.2.1, 127.0.0.1]}\n'),
    'bad-address',
    '3:32: 127.0.0.1 is a loopback address, which no host ever sends from; hint: write an address of a host, as in 192.0.2.1 or "2001:db8::1"',
  ],
  [
    'host at the unspecified address',
    after('hosts:\n  web: {addresses: "::"}\n'),
    'bad-address',
    /^3:20: :: is the unspecified address, which no host ever sends from; hint: /,
  ],
  [
    'host without address',
    after('hosts:\n  web: {in: {}}\n'),
    'missing-key',
    '3:3: host "web" has no addresses; hint: write addresses: [192.0.2.1]',
  ],
  [
    'unknown group',
    after('groups: {mgmt: [10.0.0.1]}\nhosts: {web: {addresses: [10.0.0.2], in: {all: mgnt}}}\n'),
    'unknown-name',
    '3:48: unknown group or host "mgnt"; hint: did you mean mgmt?',
  ],
  [
    'unknown group, nothing near',
    inGroup('elsewhere'),
    'unknown-name',
    '3:7: unknown group or host "elsewhere"; hint: define it under groups, or write an address',
  ],
  [
    'unknown service',
    after(
      'services: {mailin: [25/tcp]}\nhosts: {web: {addresses: [10.0.0.2], in: {mailn: any}}}\n',
    ),
    'unknown-name',
    '3:43: unknown service "mailn"; hint: did you mean mailin?',
  ],
  [
    'cycle of groups',
    after('groups:\n  a: [b]\n  b: [10.0.0.1, {not: [c]}]\n  c:\n    - b\n'),
    'cycle',
    '6:7: groups form a cycle: b -> c -> b; hint: a group cannot hold itself: take one of these out',
  ],
  [
    'a group in itself',
    after('groups:\n  a: [a]\n'),
    'cycle',
    '3:7: groups form a cycle: a -> a; hint: a group cannot hold itself: take one of these out',
  ],
  [
    'cycle of services',
    after('services:\n  a: [b]\n  b: [a]\n'),
    'cycle',
    '4:7: services form a cycle: a -> b -> a; hint: a service cannot hold itself: take one of these out',
  ],
  [
    'port too large',
    inHost('in: {70000/tcp: any}'),
    'bad-service',
    '5:10: port 70000 is over 65535; hint: ports go from 0 to 65535',
  ],
  [
    'range backwards',
    inHost('in: {200-100/udp: any}'),
    'bad-service',
    '5:10: the range 200-100 runs backwards; hint: write 100-200/udp',
  ],
  [
    'port alone',
    inHost('in: {25: any}'),
    'bad-service',
    '5:10: "25" is not a service; hint: write 25/tcp or 25/udp',
  ],
  [
    'port turned round',
    inHost('in: {tcp/25: any}'),
    'bad-service',
    '5:10: "tcp/25" is not a service; hint: write 25/tcp',
  ],
  [
    'capitals',
    inHost('in: {25/TCP: any}'),
    'bad-service',
    '5:10: "25/TCP" is not a service; hint: write 25/tcp',
  ],
  [
    'ICMP type too large',
    inHost('in: {icmp/256: any}'),
    'bad-service',
    '5:10: "icmp/256" has no message type between 0 and 255; hint: write the number of the type, as in icmp/8 for echo requests',
  ],
  [
    'duplicate key',
    after('groups:\n  a: [10.0.0.1]\n  b: []\n  a: [10.0.0.2]\n'),
    'duplicate',
    '5:3: "a" occurs twice in `groups`; hint: the first one is in line 3: merge the two',
  ],
  [
    'duplicate service in a host',
    inHost('in: {25/tcp: any, 25/tcp: any}'),
    'duplicate',
    '5:23: "25/tcp" occurs twice in `in` of host "web"; hint: the first one is in line 5: merge the two',
  ],
  [
    'duplicate host',
    after('hosts:\n  a: {addresses: [10.0.0.1]}\n  a: {addresses: [10.0.0.2]}\n'),
    'duplicate',
    '4:3: "a" occurs twice in `hosts`; hint: the first one is in line 3: merge the two',
  ],
  [
    'duplicate address',
    after(
      'hosts:\n  a: {addresses: ["2001:db8::1"]}\n  b: {addresses: [10.0.0.2, "2001:DB8:0::1"]}\n',
    ),
    'duplicate',
    '4:29: 2001:db8::1 is already an address of host "a"; hint: line 3 has it: an address belongs to one host, once',
  ],
  [
    'host and group',
    after('groups: {web: [10.0.0.1]}\nhosts: {web: {addresses: [10.0.0.1]}}\n'),
    'duplicate',
    '3:9: "web" is both a host and a group; hint: every host is a group already: rename one of the two',
  ],
  [
    'bare DNS name',
    inGroup('novalis.mib.infn.it'),
    'dns-name',
    '3:7: "novalis.mib.infn.it" is neither group nor host, and a DNS name cannot stand by itself; hint: write {name: novalis.mib.infn.it}',
  ],
  [
    'address as name',
    inGroup('{name: 10.0.0.1}'),
    'bad-name',
    '3:14: "10.0.0.1" is not a DNS name; hint: write 10.0.0.1 by itself',
  ],
  [
    'name that was not resolved',
    inGroup('{name: host.example}'),
    'unresolved',
    '3:14: "host.example" has no address; hint: correct the name, or write the address itself',
  ],
  [
    'group any',
    after('groups: {any: []}\n'),
    'reserved-name',
    '2:10: "any" cannot name a group; hint: choose another name: any is every address',
  ],
  [
    'host any',
    after('hosts: {any: {}}\n'),
    'reserved-name',
    '2:9: "any" cannot name a host; hint: choose another name: any is every address',
  ],
  [
    'service ping',
    after('services: {ping: [7/tcp]}\n'),
    'reserved-name',
    '2:12: "ping" is a built-in word; hint: choose another name',
  ],
  [
    'bad name',
    after('groups: {10net: []}\n'),
    'bad-name',
    '2:10: "10net" cannot name a group; hint: begin with a letter; letters, digits, _ . - may follow',
  ],
  [
    'dynamic group nested',
    after('groups:\n  d: {dynamic: true}\n  a: [d]\n'),
    'wrong-type',
    '4:7: "d": a dynamic group cannot be part of another group; hint: name it in the from or to of a line',
  ],
  [
    'dynamic group negated',
    after('groups: {d: {dynamic: true}}\ndeny:\n  - {from: {not: [d]}}\n'),
    'wrong-type',
    '4:19: "d": a dynamic group cannot be negated; hint: name it in the from or to of a line',
  ],
  [
    'dynamic group negated in a rule',
    after(
      'groups: {d: {dynamic: true}}\nhosts: {a: {addresses: [10.0.0.1], in: {all: [any, {not: d}]}}}\n',
    ),
    'wrong-type',
    '3:58: "d": a dynamic group cannot be negated; hint: name it in the from or to of a line',
  ],
  [
    'too many members',
    after(`groups:\n${many(34, (i) => `g${i}: {dynamic: true, max: 1048576}`)}`),
    'too-large',
    '34:3: the dynamic groups up to here may have 33554432 members, and 32505856 are the most; hint: lower the `max` of some',
  ],
  [
    'too many dynamic groups',
    after(`groups:\n${many(33, (i) => `d${i}: {dynamic: true}`)}`),
    'too-large',
    '35:3: more than 32 dynamic groups; hint: merge some of them',
  ],
  [
    'too many deny lines',
    after(`deny:\n${many(65, (i) => `- {from: 10.0.0.${i}}`)}`),
    'too-large',
    '67:5: more than 64 deny lines; hint: merge lines: from, to and services take lists, and groups may be large',
  ],
  [
    'deny everything by mistake',
    after('deny:\n  - {log: true}\n'),
    'missing-key',
    '3:5: a line of deny has no from, to or services; hint: write {from: any} if everything is to be denied',
  ],
  [
    'empty list of peers',
    inHost('in: {25/tcp: []}'),
    'wrong-type',
    '5:18: the peers is an empty list; hint: name at least one peer',
  ],
  [
    'transit without services',
    after('transit:\n  - {from: any, to: any}\n'),
    'missing-key',
    '3:5: a line of transit has no services; hint: write services: all for every service',
  ],
  [
    'matrix without a screened host',
    after('matrix:\n  - {from: 10.0.0.1, to: 10.0.0.2, services: all}\n'),
    'not-screened',
    '3:5: neither side of this matrix line has a screened host; hint: name a host of this policy, or move the line to transit',
  ],
  [
    'an id twice',
    inHost('in: {1/tcp: {from: any, id: x}, 2/tcp: {from: any, id: x}}'),
    'duplicate',
    '5:37: the id "x" is already that of another line, at p.yaml:5:10; hint: give each line an id of its own, or none',
  ],
  [
    'a rate that is none',
    inHost('in: {1/tcp: {from: any, rate: 5}}'),
    'wrong-type',
    '5:35: "5" is no rate; hint: write it as 100/s, 30/m or 500/h, with 1000000 at most',
  ],
  [
    'a rate of nothing',
    inHost('out: {1/tcp: {to: any, rate: 0/s}}'),
    'wrong-type',
    '5:34: "0/s" is no rate; hint: write it as 100/s, 30/m or 500/h, with 1000000 at most',
  ],
  [
    'a rate beyond all bounds',
    after('transit:\n  - {from: any, to: any, services: all, rate: 1000001/s}\n'),
    'wrong-type',
    '3:47: "1000001/s" is no rate; hint: write it as 100/s, 30/m or 500/h, with 1000000 at most',
  ],
  [
    'a rate as a map',
    inHost('in: {1/tcp: {from: any, rate: {max: 5}}}'),
    'wrong-type',
    '5:35: `rate` must be text, but is a map; hint: write it as 100/s, 30/m or 500/h, with 1000000 at most',
  ],
  [
    'a limit of states that is none',
    inHost('limits: {states: 0}'),
    'wrong-type',
    '5:22: `states` cannot be 0; hint: write a whole number from 1 to 16777216',
  ],
  [
    'a limit that is a number',
    inHost('limits: 100'),
    'wrong-type',
    '5:13: `limits` must be a map, but is "100"; hint: its keys are states, rate',
  ],
  [
    'an unknown key of a limit',
    after('defaults: {limits: {perHost: {state: 5}}}\n'),
    'unknown-key',
    '2:31: unknown key "state" in `perHost`; hint: did you mean states?',
  ],
  [
    'limits for nobody',
    after('defaults: {limits: {perClient: {states: 5}}}\n'),
    'unknown-key',
    '2:21: unknown key "perClient" in `limits`; hint: its keys are perSource, perHost',
  ],
  [
    'a rate of a deny line',
    after('deny:\n  - {services: 1/tcp, rate: 5/s}\n'),
    'unknown-key',
    '3:23: a line of deny has no rate: it lets nothing through; hint: write it on a line that allows',
  ],
  [
    'aliases',
    after('groups:\n  a: &x [10.0.0.1]\n  b: *x\n'),
    'unsupported',
    '4:6: YAML aliases are not supported; hint: write it out, or give it a name under groups or services',
  ],
  [
    'a pickup without a unit',
    after('defaults: {pickup: 30}\n'),
    'wrong-type',
    '2:20: pickup cannot be "30"; hint: write a time, as in 60s or 5m; 0s picks up nothing',
  ],
  [
    'a pickup for ever',
    after('defaults: {pickup: 61m}\n'),
    'wrong-type',
    '2:20: pickup cannot be "61m"; hint: write 1h at most',
  ],
  ...(
    [
      ['vlan: 0', '5:11: `vlan` cannot be "0"'],
      ['vlan: 4095', '5:11: `vlan` cannot be "4095"'],
      ['vlan: 010', '5:11: `vlan` cannot be "010"'],
      ['vlan: any', '5:11: `vlan` cannot be "any"'],
      ['vlan: [10]', '5:11: `vlan` has 1 tags in its list'],
      ['vlan: [1, 2, 3]', '5:11: `vlan` has 3 tags in its list'],
      ['vlan: [10, none]', '5:16: `vlan` cannot be "none"'],
      ['vlan: {}', '5:11: `vlan` must be text, but is a map'],
      ['vlan:', '5:5: `vlan` must be text, but is empty'],
    ] as const
  ).map(([line, message]): (typeof CASES)[number] => [
    line,
    inHost(line),
    'wrong-type',
    `${message}; hint: write one of 1 to 4094, [outer, inner] for two tags, or none for untagged frames`,
  ]),
  [
    'a port that cannot be one',
    inHost('port: "up 0"'),
    'bad-name',
    '5:11: "up 0" cannot name a port; hint: write the name of a port of the node file, as in dn0',
  ],
  [
    'a MAC that is none',
    inHost('mac: 02-00-00-00-00-01'),
    'wrong-type',
    '5:10: "02-00-00-00-00-01" is not a MAC; hint: write it as in 52:54:00:12:34:56',
  ],
  [
    'a MAC of a group',
    inHost('mac: 01:00:5e:00:00:01'),
    'wrong-type',
    "5:10: 01:00:5e:00:00:01 is nobody's MAC; hint: write that of its interface: no frame has this one as its source",
  ],
  [
    'an address of two hosts in one VLAN',
    after(
      'hosts:\n  a: {addresses: [192.0.2.1], vlan: 10}\n  b: {addresses: [192.0.2.1], vlan: 10}\n',
    ),
    'duplicate',
    '4:19: 192.0.2.1 is already an address of host "a" with vlan: 10; hint: p.yaml:3:19 has it: give each of the two a vlan of its own',
  ],
  [
    'an address of a host in a VLAN, and of one in all',
    after('hosts:\n  a: {addresses: [192.0.2.1]}\n  b: {vlan: 10, addresses: [192.0.2.1]}\n'),
    'duplicate',
    '4:29: 192.0.2.1 is already an address of host "a" in every VLAN; hint: p.yaml:3:19 has it: give each of the two a vlan of its own',
  ],
];

const NOT_YET: [what: string, text: string, message: string][] = [
  ['include', after('include: [a.yaml]\n'), '2:1: include in the policy'],
  ['profiles', after('profiles: {}\n'), '2:1: profiles in the policy'],
  ['link', after('link: {guard: true}\n'), '2:1: link in the policy'],
  ['self', after('self: {in: {}}\n'), '2:1: self in the policy'],
  ['use', inHost('use: [base]'), '5:5: use in host "web"'],
  ['expires', inHost('in: {all: {from: any, expires: 2027-01-31}}'), '5:27: expires in the line'],
  ['audit', after('defaults: {mode: audit}\n'), '2:18: mode: audit'],
  ['reject', after('defaults: {reject: inside}\n'), '2:20: reject: inside'],
  ['summary', after('defaults: {log: {drops: summary}}\n'), '2:25: drops: summary'],
];

describe('a bad policy is one error at its place', () => {
  it.each(CASES)('%s', (_, text, code, message) => {
    const found = complaint(text);
    if (message instanceof RegExp) expect(found.message).toMatch(message);
    else expect(found.message).toBe(message);
    expect(found.code).toBe(code);
  });

  it.each(NOT_YET)('%s is not supported yet', (_, text, message) => {
    expect(complaint(text)).toEqual({
      code: 'unsupported',
      message: `${message} is not supported yet; hint: leave it out for now`,
    });
  });
});
