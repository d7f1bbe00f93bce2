import { describe, expect, it } from 'vitest';
import { endsOf, phaseNames, trafficOf } from '../../../../src/control/dataplane/states.js';
import { readAddress } from '../../../../src/control/policy/index.js';
import * as layouts from '../../../../src/generated/layouts.js';

const { Phase, StateBits } = layouts;
const bytes = (text: string) => ({ byte: readAddress(text) as Uint8Array });

const key = (o: Partial<layouts.StateKey> = {}): layouts.StateKey => ({
  low: bytes('10.0.0.1'),
  high: bytes('10.0.0.9'),
  lowPort: 40000,
  highPort: 25,
  tag: [0, 0],
  proto: 6,
  family: 4,
  pad: new Uint8Array(2),
  ...o,
});

describe('endsOf', () => {
  it('sees a connection from the side that opened it', () => {
    expect(endsOf(key(), Phase.ESTABLISHED)).toEqual({
      ...{ proto: 'tcp', src: '10.0.0.1', sport: 40000, dst: '10.0.0.9', dport: 25, vlan: [] },
    });
    expect(endsOf(key(), StateBits.ORIG_HIGH)).toMatchObject({
      ...{ src: '10.0.0.9', sport: 25, dst: '10.0.0.1', dport: 40000 },
    });
  });

  it('gives identifier and type of ICMP, whoever opened it', () => {
    const ping = key({ proto: 1, lowPort: 77, highPort: 8 });
    expect(endsOf(ping, StateBits.ORIG_HIGH)).toMatchObject({
      ...{ proto: 'icmp', src: '10.0.0.9', sport: 77, dport: 8 },
    });
  });

  it('names tags', () => {
    expect(endsOf(key({ tag: [0x8064, 7] }), 0).vlan).toEqual([100, 7]);
  });
});

it('tells what either end sent', () => {
  const [low, high] = [
    { packets: 1n, bytes: 60n },
    { packets: 2n, bytes: 90n },
  ];
  const [mine, theirs] = [
    { packets: 1, bytes: 60 },
    { packets: 2, bytes: 90 },
  ];
  expect(trafficOf([low, high], 0)).toEqual({ sent: mine, received: theirs });
  expect(trafficOf([low, high], StateBits.ORIG_HIGH)).toEqual({ sent: theirs, received: mine });
});

it('names phases by their number', () => {
  const names = phaseNames();
  expect(names).toHaveLength(Phase.COUNT);
  expect([names[Phase.SYN_SENT], names[Phase.BOTH_WAYS]]).toEqual(['syn-sent', 'both-ways']);
});
