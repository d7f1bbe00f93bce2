import { describe, expect, it } from 'vitest';
import { vlanOf, vlansMeet } from '../../../../../src/control/policy/bindings.js';
import {
  compile,
  formatAddress,
  judgePlan,
  NO_MEMBERS,
  type Opening,
  type PacketClass,
  type Plan,
  packetClasses,
  parsePolicy,
  prefixHolds,
  readPrefix,
} from '../../../../../src/control/policy/index.js';
import { atOnce } from '../../../../../src/control/slices.js';
import { fc } from '../../../../chance.js';
import { NAMES, opening, policyText } from '../arbitraries.js';

const HEAD = `apiVersion: bridgewall/v1
groups:
  local: [10.0.0.0/8, "2001:db8::/32"]
  lab: [10.1.0.0/16]
  vpn: {dynamic: true}
hosts:
`;

function plan(...hosts: string[]): Plan {
  return compile(parsePolicy(HEAD + hosts.map((line) => `  ${line}\n`).join(''), 'p.yaml'));
}

function transit(...lines: string[]): Plan {
  const text = lines.map((line) => `  - ${line}\n`).join('');
  return compile(
    parsePolicy(`${HEAD}  mail: {addresses: [10.1.0.5]}\ntransit:\n${text}`, 'p.yaml'),
  );
}

/** One line for each difference. */
function classes(before: Plan | null, after: Plan): string[] {
  return atOnce(packetClasses(before, after)).map(({ kind, direction, host, services, from, to }) =>
    [kind, direction, host, services.join(' '), '<', from.join('; '), ...to].join(' '),
  );
}

describe('packet classes', () => {
  it('of a first policy are all that it allows', () => {
    const www =
      'www: {addresses: [192.0.2.80], in: {80/tcp: any, 22/tcp: lab}, out: {53/udp: local}}';
    expect(classes(null, plan(www))).toEqual([
      'opened in www 22/tcp < 10.1.0.0/16',
      'opened in www 80/tcp < any',
      'opened out www 53/udp < 10.0.0.0/8; 2001:db8::/32',
    ]);
  });

  it('are none when lines only say the same in another way', () => {
    const before = plan('www: {addresses: [192.0.2.80], in: {80/tcp: local, 443/tcp: local}}');
    const after = plan(
      'www: {addresses: [192.0.2.80], in: {80/tcp: [lab, local], "443/tcp": local, 79-80/tcp: lab}}',
    );
    expect(classes(before, before)).toEqual([]);
    expect(classes(before, after)).toEqual(['opened in www 79/tcp < 10.1.0.0/16']);
  });

  it('leave out what another line goes on to allow', () => {
    const before = plan('www: {addresses: [192.0.2.80], in: {80/tcp: any}}');
    const after = plan('www: {addresses: [192.0.2.80], in: {80/tcp: local}}');
    expect(classes(before, after)).toEqual([
      'closed in www 80/tcp < any but not 10.0.0.0/8, 2001:db8::/32',
    ]);
    expect(classes(after, before)).toEqual([
      'opened in www 80/tcp < any but not 10.0.0.0/8, 2001:db8::/32',
    ]);
    const narrower = plan('www: {addresses: [192.0.2.80], in: {80/tcp: lab}}');
    expect(classes(after, narrower)).toEqual([
      'closed in www 80/tcp < 10.0.0.0/8 but not 10.1.0.0/16; 2001:db8::/32',
    ]);
  });

  it('of services come together, and name what is left of all', () => {
    const before = plan('www: {addresses: [192.0.2.80], in: {80/tcp: local, 25/tcp: local}}');
    const after = plan('www: {addresses: [192.0.2.80], in: {all: local}}');
    expect(classes(before, after)).toEqual([
      'opened in www all but 25/tcp, 80/tcp < 10.0.0.0/8; 2001:db8::/32',
    ]);
    const more = '100-200/udp: local, ping: local, proto/47: local, 0-65535/sctp: local';
    const ranges = plan(
      `www: {addresses: [192.0.2.80], in: {80/tcp: local, 25/tcp: local, ${more}}}`,
    );
    expect(classes(before, ranges)).toEqual([
      'opened in www 100-200/udp proto/132 icmp/8 icmp6/128 proto/47 < 10.0.0.0/8; 2001:db8::/32',
    ]);
  });

  it('come and go with hosts, and tell of members of dynamic groups', () => {
    const before = plan('old: {addresses: [192.0.2.1], in: {80/tcp: any}}');
    const after = plan('new: {addresses: [192.0.2.1], in: {80/tcp: any, 22/tcp: [lab, vpn]}}');
    expect(classes(before, after)).toEqual([
      'opened in new 22/tcp < 10.1.0.0/16; members of vpn',
      'opened in new 80/tcp < any',
      'closed in old 80/tcp < any',
    ]);
    const without = plan('new: {addresses: [192.0.2.1], in: {80/tcp: any, 22/tcp: lab}}');
    expect(classes(after, without)).toEqual(['closed in new 22/tcp < members of vpn']);
  });

  it('of transit are of neither screened end', () => {
    const before = transit('{from: lab, to: lab, services: 23/tcp}');
    const after = transit('{from: lab, to: local, services: 22/tcp}');
    expect(classes(before, after)).toEqual([
      'opened transit  22/tcp < 10.1.0.0/16 but not 10.1.0.5 10.0.0.0/8 but not 10.1.0.5 2001:db8::/32',
      'closed transit  23/tcp < 10.1.0.0/16 but not 10.1.0.5 10.1.0.0/16 but not 10.1.0.5',
    ]);
  });

  it('do not take for somebody a prefix that longer ones fill', () => {
    const policy = (peers: string) =>
      plan(`www: {addresses: [192.0.2.80], in: {80/tcp: ${peers}}}`);
    const halves = policy('[172.16.0.0/13, 172.24.0.0/13]');
    expect(classes(policy('172.16.0.0/12'), halves)).toEqual([]);
    expect(classes(halves, policy('172.16.0.0/12'))).toEqual([]);
  });
});

describe('any two policies', () => {
  it('differ for a packet in no other way than their packet classes say', () => {
    const texts = fc.tuple(policyText, policyText);
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        texts,
        fc.array(opening, { minLength: 20, maxLength: 20 }),
        ([a, b], openings) => {
          const [before, after] = [planOf(a), planOf(b)];
          if (before === null || after === null) return;
          const differences = atOnce(packetClasses(before, after));
          for (const each of openings) {
            seen.add(checkOpening(before, after, differences, each));
          }
        },
      ),
      { numRuns: 150 },
    );
    expect([...seen].sort()).toEqual([
      '',
      'closed in',
      'closed out',
      'closed transit',
      'opened in',
      'opened out',
      'opened transit',
    ]);
  });
});

function planOf(text: string): Plan | null {
  try {
    return compile(parsePolicy(text, 'p.yaml'), { names: NAMES });
  } catch {
    return null;
  }
}

/** One half of a connection is open or not, in each plan; what the classes say has to fit. */
function checkOpening(
  before: Plan,
  after: Plan,
  differences: readonly PacketClass[],
  from: Opening,
): string {
  const asked = { ...from, fromUplink: false };
  if (asked.code === null) return '';
  const judged = [before, after].map((plan) => judgePlan(plan, asked, NO_MEMBERS));
  if (judged.some(({ reason }) => reason === 'denied')) return '';
  const { tags = [0, 0] } = asked;
  const [source, destination] = [asked.source, asked.destination].map((address) =>
    [before, after].map((plan) => hostOf(plan, address, tags)),
  ) as [string[], string[]];
  const half = halfOf(source, destination);
  if (half === null) return '';
  const [was, is] = judged.map(({ verdict }) => verdict === 'accept');
  const expected = was === is ? [] : [is ? 'opened' : 'closed'];
  const found = differences.filter(
    ({ direction, host, services, from: peers, to }) =>
      direction === half.direction &&
      host === half.host &&
      holdsCode(services, asked.code!) &&
      holdsAddress(peers, half.direction === 'out' ? asked.destination : asked.source, tags) &&
      (half.direction !== 'transit' || holdsAddress(to, asked.destination, tags)),
  );
  expect(found.map(({ kind }) => kind)).toEqual(expected);
  return expected.map((kind) => `${kind} ${half.direction}`).join('');
}

/** The only half that decides, if it is of the same host in both plans. */
function halfOf(source: readonly string[], destination: readonly string[]) {
  const [free, same] = [
    (names: readonly string[]) => names.every((name) => name === '' || name === NOBODY),
    (names: readonly string[]) => names[0] !== '' && names[0] !== NOBODY && names[0] === names[1],
  ];
  if (free(source) && free(destination)) return { direction: 'transit', host: '' };
  if (free(source) && same(destination)) return { direction: 'in', host: destination[0]! };
  if (same(source) && free(destination)) return { direction: 'out', host: source[0]! };
  return null;
}

const NOBODY = '(nobody)';

/** Who has an address in these VLANs; '' for who is not screened. */
function hostOf({ hosts }: Plan, address: Uint8Array, tags: readonly [number, number]): string {
  const text = formatAddress(address);
  const those = hosts.filter(({ addresses }) => addresses.includes(text));
  const vlan = vlanOf(tags);
  const here = those.find(
    ({ binding }) => binding.vlan === null || (vlan !== null && vlansMeet(binding.vlan, vlan)),
  );
  return here?.name ?? (those.length > 0 ? NOBODY : '');
}

function holdsAddress(
  texts: readonly string[],
  address: Uint8Array,
  tags: readonly [number, number],
): boolean {
  const within = (text: string): boolean => {
    if (text === 'any') return true;
    const [, alone, , vlan] = /^(\S+)( untagged| in VLAN (\S+))$/.exec(text) ?? [];
    if (alone !== undefined) {
      const here = vlanOf(tags)
        ?.filter((vid) => vid !== 0)
        .join('.');
      return here === (vlan ?? '') && formatAddress(address) === alone;
    }
    const prefix = readPrefix(text);
    return 'key' in prefix && prefixHolds(prefix, address);
  };
  return texts.some((text) => {
    const [prefix, without] = text.split(' but not ') as [string, string | undefined];
    return (
      within(prefix) && !(without ?? '').split(', ').some((each) => each !== '' && within(each))
    );
  });
}

function holdsCode(texts: readonly string[], code: number): boolean {
  return texts.some((text) => {
    if (text === 'all') return true;
    if (!text.startsWith('all but ')) return rangeHolds(text, code);
    return !text
      .slice(8)
      .split(', ')
      .some((each) => rangeHolds(each, code));
  });
}

const STARTS: Record<string, number> = {
  tcp: 0,
  udp: 0x10000,
  sctp: 0x20000,
  icmp: 0x30000,
  icmp6: 0x30100,
};
const WHOLE: Record<string, [number, number]> = {
  'proto/6': [0, 65_535],
  'proto/17': [0x10000, 0x1ffff],
  'proto/132': [0x20000, 0x2ffff],
  'proto/1': [0x30000, 0x300ff],
  'proto/58': [0x30100, 0x301ff],
};

function rangeHolds(text: string, code: number): boolean {
  const [word, other] = text.split(' of ') as [string, string | undefined];
  const [left, right] = word.split('/') as [string, string];
  const start = STARTS[right] ?? STARTS[left] ?? 0x30200;
  const numbers = (STARTS[right] === undefined ? right : left).split('-').map(Number);
  const within = code >= start + numbers[0]! && code <= start + numbers.at(-1)!;
  const whole = other === undefined ? WHOLE[word] : undefined;
  return within || (whole !== undefined && code >= whole[0] && code <= whole[1]);
}
