import { describe, expect, it } from 'vitest';
import { describeState } from '../../../../src/control/dataplane/states.js';
import { readAddress } from '../../../../src/control/policy/index.js';
import * as layouts from '../../../../src/generated/layouts.js';

const { Phase, StateBits } = layouts;
const HZ = 250;
const clock = {
  seconds: (from: bigint, to: bigint) => (to > from ? Number(to - from) / HZ : 0),
};
const bytes = (text: string) => ({ byte: readAddress(text) as Uint8Array });

function record(o: Partial<layouts.StateRecord['key']> = {}, word = 0, rules = [0, 0]) {
  return {
    key: {
      low: bytes('10.0.0.1'),
      high: bytes('10.0.0.9'),
      lowPort: 40000,
      highPort: 25,
      tag: [0, 0],
      proto: 6,
      family: 4,
      pad: new Uint8Array(2),
      ...o,
    },
    established: 1,
    state: {
      seen: 0n,
      born: 1000n,
      word,
      epoch: 1,
      ruleOut: rules[0]!,
      ruleIn: rules[1]!,
    },
    timeout: 250n,
  } satisfies layouts.StateRecord;
}

const describe_ = (of: layouts.StateRecord) =>
  describeState(of, 1000n + 500n, clock, (slot) => (slot === 0 ? null : `rule${slot}`));

describe('describeState', () => {
  it('sees a connection from the side that opened it', () => {
    const low = describe_(record({}, Phase.ESTABLISHED, [1, 2]));
    expect(low).toMatchObject({
      ...{ proto: 'tcp', src: '10.0.0.1', sport: 40000, dst: '10.0.0.9', dport: 25 },
      ...{ phase: 'established', pickedUp: false, age: 2, timeout: 1, vlan: [] },
      rules: { out: 'rule1', in: 'rule2', transit: null },
    });
    const high = describe_(record({}, Phase.SYN_SENT | StateBits.ORIG_HIGH));
    expect(high).toMatchObject({ src: '10.0.0.9', sport: 25, dst: '10.0.0.1', dport: 40000 });
    expect(high.phase).toBe('syn-sent');
  });

  it('gives identifier and type of ICMP, whoever opened it', () => {
    const ping = record(
      { proto: 1, lowPort: 77, highPort: 8 },
      StateBits.ORIG_HIGH | Phase.ONE_WAY,
    );
    expect(describe_(ping)).toMatchObject({ proto: 'icmp', src: '10.0.0.9', sport: 77, dport: 8 });
  });

  it('tells a transit line from an out rule, and names tags', () => {
    const tagged = record({ tag: [0x8064, 7] }, StateBits.TRANSIT | Phase.BOTH_WAYS, [5, 0]);
    expect(describe_(tagged)).toMatchObject({
      vlan: [100, 7],
      rules: { out: null, in: null, transit: 'rule5' },
    });
  });
});
