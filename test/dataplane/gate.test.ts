/** What the gate at the egress of a port lets out: marked frames, and BPDUs of the box where STP runs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skbContext } from '../../native/lib/index.js';
import { MarkBits, MirrorWord } from '../../src/generated/layouts.js';
import { ether, frame, raw } from '../packet/index.js';
import { layCables, type TestPort } from './harness/network.js';
import { TestWall } from './harness/wall.js';

const GROUP = '01:80:c2:00:00:00';
const UNSPEC = -1;
const SHOT = 2;

let ports: TestPort[];
let wall: TestWall;

beforeAll(() => {
  ports = layCables();
  wall = new TestWall(ports);
});

afterAll(() => wall.close());

/** The answer of the gate of up0. */
function gate(data: Buffer, mark = 0): number {
  const ctx = skbContext({ ifindex: wall.ifindex('up0'), mark });
  return wall.object.program('gate_wall').testRun({ data, ctx }).retval | 0;
}

interface Bpdu {
  readonly src?: string;
  readonly dst?: string;
  readonly type?: number;
  readonly llc?: string;
}

/** A BPDU of the box at up0, but for what is said. */
function bpdu({ src = ports[0]!.mac, dst = GROUP, type = 38, llc = '424203' }: Bpdu): Buffer {
  const bytes = Buffer.from(`${llc}${'00'.repeat(35)}`, 'hex');
  return frame(ether({ src, dst }), raw(bytes, { ethertype: type }));
}

const others: Record<string, Bpdu> = {
  'from another MAC': { src: '02:00:00:00:0a:01' },
  'from the MAC of another port': { src: '02:00:00:00:ff:01' },
  'for another group': { dst: '01:80:c2:00:00:0e' },
  'for a station': { dst: '02:00:00:00:0a:01' },
  'with an ethertype': { type: 0x88cc },
  'with SNAP': { llc: 'aaaa03' },
  'with another LLC command': { llc: '424213' },
};

describe('the gate, where the kernel bridge runs STP,', () => {
  beforeAll(() => wall.setNode({ bpdu: 'kernel' }));

  it('lets out the BPDUs of the box', () => {
    expect(gate(bpdu({}))).toBe(UNSPEC);
  });

  it.each(Object.keys(others))('holds a frame back that is no BPDU of the box: %s', (name) => {
    expect(gate(bpdu(others[name]!))).toBe(SHOT);
    expect(gate(bpdu(others[name]!), MarkBits.DROP_LOG)).toBe(SHOT);
    expect(gate(bpdu(others[name]!), MarkBits.ACCEPT)).toBe(UNSPEC);
  });
});

describe('the gate of a node of a pair', () => {
  const speaks = (jiffies: bigint) => wall.map('mirror').storeWord(MirrorWord.SPEAKS, jiffies);
  beforeAll(() => wall.setNode({ bpdu: 'kernel' }));
  afterAll(() => {
    wall.setStandby(false);
    speaks(0n);
  });

  it('holds back the BPDUs of a standby, and of a node that has just taken over', () => {
    wall.setStandby(true);
    expect(gate(bpdu({}))).toBe(SHOT);
    wall.setStandby(false);
    expect(gate(bpdu({}))).toBe(UNSPEC);
    const { clock } = wall.dataplane;
    speaks(clock.now() + clock.jiffies(60));
    expect(gate(bpdu({}))).toBe(SHOT);
    speaks(clock.now());
    expect(gate(bpdu({}))).toBe(UNSPEC);
  });
});

describe.each(['drop', 'forward'] as const)('the gate, with BPDUs to %s,', (action) => {
  it('holds back what the box says', () => {
    wall.setNode({ bpdu: action });
    expect(gate(bpdu({}))).toBe(SHOT);
    expect(gate(bpdu({}), MarkBits.ACCEPT)).toBe(UNSPEC);
  });
});
