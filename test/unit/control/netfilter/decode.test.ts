import { describe, expect, it } from 'vitest';
import { decodeFrame, ipv6Text } from '../../../../src/control/netfilter/decode.js';
import { fc } from '../../../chance.js';

const MACS = '020000000002020000000001';
const V4 = (protocol: string, fragment = '4000') =>
  `450000200000${fragment}40${protocol}00000a0000010a000002`;
const V6 = (next: string) =>
  `600000000014${next}4020010db800000000000000000000000120010db8000000000000000000000002`;
const read = (hex: string, tag?: { protocol: number; tci: number }) =>
  decodeFrame(Buffer.from(hex, 'hex'), tag);

describe('a frame', () => {
  it.each([
    [
      'TCP',
      `0800${V4('06')}123400190000000100000000500200000000`,
      { proto: 'tcp', tcpFlags: 2, sport: 4660, dport: 25 },
    ],
    ['UDP', `0800${V4('11')}12340035000c0000`, { proto: 'udp', sport: 4660, dport: 53 }],
    ['SCTP', `0800${V4('84')}12340035`, { proto: 'sctp', sport: 4660, dport: 53 }],
    ['ICMP', `0800${V4('01')}0801`, { proto: 'icmp', icmpType: 8, icmpCode: 1, sport: 0 }],
    ['GRE', `0800${V4('2f')}12340035`, { proto: '47', sport: 0, dport: 0 }],
    ['a first fragment', `0800${V4('11', '2000')}12340035`, { fragment: true, dport: 53 }],
    [
      'a later fragment',
      `0800${V4('11', '0010')}12340035`,
      { fragment: true, proto: 'udp', dport: 0 },
    ],
  ])('of IPv4 with %s', (_, hex, facts) => {
    const common = { src: '10.0.0.1', dst: '10.0.0.2', etherType: 0x800, networkOffset: 14 };
    expect(read(MACS + hex)).toMatchObject({ ...common, ...facts });
  });

  it('of IPv4 with options', () => {
    const hex = `${MACS}0800${V4('06').replace('45', '46')}0101010112340019`;
    expect(read(hex)).toMatchObject({ sport: 4660, dport: 25 });
  });

  it.each([
    ['TCP', `${V6('06')}12340019`, { proto: 'tcp', sport: 4660, dport: 25 }],
    ['ICMPv6', `${V6('3a')}8000`, { proto: 'icmp6', icmpType: 128 }],
    ['hop-by-hop before UDP', `${V6('00')}110001040000000012340035`, { proto: 'udp', dport: 53 }],
    [
      'AH before TCP',
      `${V6('33')}0601000000000000000000001234001900000000`,
      { proto: 'tcp', sport: 4660 },
    ],
    [
      'an atomic fragment',
      `${V6('2c')}110000000000000112340035`,
      { proto: 'udp', fragment: false, dport: 53 },
    ],
    [
      'a later fragment',
      `${V6('2c')}110000080000000112340035`,
      { proto: 'udp', fragment: true, dport: 0 },
    ],
  ])('of IPv6 with %s', (_, hex, facts) => {
    const common = { src: '2001:db8::1', dst: '2001:db8::2' };
    expect(read(`${MACS}86dd${hex}`)).toMatchObject({ ...common, ...facts });
  });

  it('has tags, inside and beside, without priority tags', () => {
    const udp = `0800${V4('11')}12340035`;
    expect(read(`${MACS}8100600a${udp}`)).toMatchObject({ vlan: [10], proto: 'udp' });
    expect(read(`${MACS}88a8000781000008${udp}`)).toMatchObject({ vlan: [7, 8], dport: 53 });
    expect(read(`${MACS}8100e000${udp}`)).toMatchObject({ vlan: [], dport: 53 });
    expect(read(`${MACS}81000008${udp}`, { protocol: 0x88a8, tci: 0x2007 }).vlan).toEqual([7, 8]);
    expect(read(`${MACS}${udp}`, { protocol: 0x8100, tci: 0xe000 }).vlan).toEqual([]);
  });

  it('of ARP, and of what is not IP', () => {
    const arp = `00010800060400010200000000010a0000010000000000000a000002`;
    expect(read(`${MACS}0806${arp}`)).toMatchObject({
      proto: 'arp',
      src: '10.0.0.1',
      dst: '10.0.0.2',
      srcMac: '02:00:00:00:00:01',
      dstMac: '02:00:00:00:00:02',
    });
    expect(read(`${MACS}88cc0207`)).toMatchObject({ proto: '0x88cc', src: '' });
    expect(read(`${MACS}00264242`)).toMatchObject({ proto: '0x0026' });
  });

  it('may be cut short or be nonsense, and is read all the same', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', '0800', '86dd', '0806', '8100000a0800', '86dd6000000000002c40'),
        fc.uint8Array({ maxLength: 120 }),
        (head, rest) => {
          const frame = Buffer.concat([Buffer.from(MACS + head, 'hex'), rest]);
          for (let length = 0; length <= frame.length; length += 7) {
            expect(decodeFrame(frame.subarray(0, length)).vlan.length).toBeLessThan(6);
          }
        },
      ),
    );
  });
});

describe('IPv6 text', () => {
  it.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000000000000000000000', '2001:db8::'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['20010db8000100010001000000010001', '2001:db8:1:1:1:0:1:1'],
    ['00010000000000020000000000000003', '1:0:0:2::3'],
  ])('%s is %s', (hex, text) => {
    expect(ipv6Text(Buffer.from(hex, 'hex'))).toBe(text);
  });
});
