import { describe, expect, it } from 'vitest';
import { compile } from '../../../../src/control/policy/compile.js';
import { PolicyError } from '../../../../src/control/policy/errors.js';
import { parsePolicy } from '../../../../src/control/policy/parse.js';

const groups = (more = '') => `apiVersion: bridgewall/v1
groups:
  badguys: {dynamic: true}
  friends: {dynamic: true}
  office: [198.51.100.0/24]
${more}`;

const plan = (text: string) => compile(parsePolicy(text, 'p.yaml'));
const inDefaults = (onDrop: string, more = '') =>
  `${groups(more)}deny:\n  - {from: badguys}\ndefaults:\n  onDrop: ${onDrop}\n`;
const one = (fields: string) => inDefaults(`{deny: badguys, after: 20/10s, ttl: 10m${fields}}`);

function complaint(text: string): string {
  try {
    plan(text);
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
  throw new Error('the policy was accepted');
}

describe('onDrop', () => {
  it('in its shortest form', () => {
    const { onDrop, dynamicGroups, warnings } = plan(one(''));
    expect(onDrop).toEqual([
      {
        ...{ group: 0, after: 20, windowSeconds: 10, ttlSeconds: 600, line: null },
        ...{ exemptBit: 1, exemptGroups: [], spoofable: false, side: 'both' },
        reasons: ['bad-flags', 'denied', 'no-out', 'no-in', 'not-screened'],
        position: { file: 'p.yaml', line: 9, column: 11 },
      },
    ]);
    expect(dynamicGroups[0]?.name).toBe('badguys');
    expect(warnings.map(({ message }) => message)).toEqual([
      '`onDrop` spares nobody: name as `except` from where this site is managed',
    ]);
  });

  it('says who is spared by a bit that no deny line has', () => {
    const text = one(', except: [office, friends], side: uplink, reasons: no-state');
    const { onDrop, addresses, defaultV4, warnings } = plan(text);
    expect(onDrop[0]).toMatchObject({ exemptBit: 1, exemptGroups: [1], reasons: ['no-state'] });
    expect(addresses.map(({ denyFrom }) => denyFrom)).toEqual([2n]);
    expect([...addresses, defaultV4].every(({ denyTo }) => (denyTo & 2n) === 0n)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('never bans mgmt, named or not', () => {
    const text = inDefaults('{deny: badguys, after: 1/s, ttl: 1h}', '  mgmt: [192.0.2.9]\n');
    const { onDrop, addresses, warnings } = plan(text);
    expect(onDrop[0]).toMatchObject({ after: 1, windowSeconds: 1, ttlSeconds: 3600 });
    expect(addresses).toMatchObject([{ length: 128, denyFrom: 2n }]);
    expect(warnings).toEqual([]);
  });

  it('of a deny line counts that line alone', () => {
    const line = 'onDrop: {deny: badguys, after: 5/m, ttl: 1d, spoofable: true, except: office}';
    const text = `${groups()}deny:\n  - {from: badguys}\n  - {services: 445/tcp, ${line}}\n`;
    expect(plan(text).onDrop).toMatchObject([
      { line: 1, exemptBit: 2, reasons: ['denied'], spoofable: true, ttlSeconds: 86_400 },
    ]);
  });

  it('is part of what makes a policy another one', () => {
    const digest = (text: string) => plan(text).digest;
    const all = [
      '',
      ', spoofable: true',
      ', side: inside',
      ', except: office',
      ', reasons: denied',
    ];
    expect(new Set(all.map((fields) => digest(one(fields)))).size).toBe(all.length);
  });

  it('warns of a group that nothing is denied to', () => {
    const text = `${groups()}defaults: {onDrop: {deny: friends, after: 1/s, ttl: 1h, except: office}}\n`;
    expect(plan(text).warnings.map(({ message }) => message)).toEqual([
      'no line names "friends": who is put into it is not denied anything',
    ]);
  });

  it.each([
    [one(', except: nosuch'), /^p.yaml:9:60: unknown group or host "nosuch"/],
    [
      one(', side: outside'),
      'p.yaml:9:58: side cannot be "outside"; hint: write uplink or inside, or leave it out for both',
    ],
    [
      one(', reasons: no-inn'),
      'p.yaml:9:61: nobody is banned for "no-inn"; hint: did you mean no-in?',
    ],
    [
      one(', reasons: table-full'),
      /^p.yaml:9:61: nobody is banned for "table-full"; hint: write one or some of /,
    ],
    [one(', reasons: []'), /^p.yaml:9:61: `reasons` is an empty list/],
    [
      one(', reason: denied'),
      'p.yaml:9:52: unknown key "reason" in `onDrop`; hint: did you mean reasons?',
    ],
    [
      inDefaults('{deny: office, after: 1/s, ttl: 1h}'),
      'p.yaml:9:18: "office" is no dynamic group: nobody can be put into it; hint: write office: {dynamic: true} under groups',
    ],
    [
      inDefaults('{deny: badguy, after: 1/s, ttl: 1h}'),
      'p.yaml:9:18: unknown group "badguy"; hint: did you mean badguys?',
    ],
    [
      inDefaults('{deny: badguys, ttl: 1h}'),
      'p.yaml:9:11: `onDrop` has no after; hint: write {deny: GROUP, after: 20/10s, ttl: 10m}',
    ],
    [
      inDefaults('{deny: badguys, after: 1/s}'),
      'p.yaml:9:11: `onDrop` has no ttl; hint: write {deny: GROUP, after: 20/10s, ttl: 10m}',
    ],
    [
      inDefaults('{deny: badguys, after: 20, ttl: 1h}'),
      'p.yaml:9:34: after cannot be "20"; hint: write how many drops in how long, as in 20/10s or 100/m',
    ],
    [
      inDefaults('{deny: badguys, after: 20/2h, ttl: 1h}'),
      'p.yaml:9:34: after cannot be 20/2h; hint: at most 1000000 drops, in an hour at most',
    ],
    [
      inDefaults('{deny: badguys, after: 20/m, ttl: forever}'),
      'p.yaml:9:45: ttl cannot be "forever"; hint: write it as 30s, 10m, 2h or 1d',
    ],
    [
      inDefaults('{deny: badguys, after: 20/m, ttl: 366d}'),
      'p.yaml:9:45: ttl cannot be 366d; hint: at most 365d',
    ],
    [
      inDefaults(`[${Array(9).fill('{deny: badguys, after: 1/s, ttl: 1h}').join(', ')}]`),
      /more than 8 onDrop in one policy; hint: merge some of them$/,
    ],
  ])('a mistake is told with its place: %#', (text, message) => {
    if (typeof message === 'string') expect(complaint(text)).toBe(message);
    else expect(complaint(text)).toMatch(message);
  });

  it('needs a bit for whom it spares, which deny lines may have taken', () => {
    const lines = Array.from({ length: 63 }, (_, i) => `  - {services: ${i + 1}/tcp}\n`).join('');
    const text = `${groups()}deny:\n  - {from: badguys}\n${lines}defaults: {onDrop: {deny: badguys, after: 1/s, ttl: 1h}}\n`;
    expect(complaint(text)).toMatch(/deny lines and onDrop are more than 64 together/);
  });

  it('a line of deny has no reasons of its own', () => {
    const text = `${groups()}deny:\n  - {from: badguys, onDrop: {deny: badguys, after: 1/s, ttl: 1h, reasons: denied}}\n`;
    expect(complaint(text)).toMatch(/unknown key "reasons" in `onDrop`/);
  });
});
