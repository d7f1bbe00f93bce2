import { describe, expect, it } from 'vitest';
import {
  arp,
  authentication,
  crc32c,
  cut,
  describeFrame,
  destinationOptions,
  ether,
  filling,
  fragment6,
  frame,
  hopByHop,
  icmp,
  icmp6,
  ieee8023,
  internetChecksum,
  ipv4,
  ipv6,
  ipv6Bytes,
  ipv6Text,
  macText,
  neighbour,
  padded,
  pseudoHeader,
  raw,
  routing,
  SctpChunk,
  sctp,
  tcp,
  tcpFlags,
  udp,
  vlan,
  wideBytes,
} from './index.js';

const link = ether({ src: '02:00:00:00:00:01', dst: '02:00:00:00:00:02' });
const v4 = { src: '10.0.0.1', dst: '10.0.0.2' };
const v6 = { src: '2001:db8::1', dst: '2001:db8::2' };

describe('addresses', () => {
  it('reads and writes IPv6 in every shape', () => {
    for (const text of ['::', '::1', 'fe80::1', '2001:db8::1:0:0:2', '1:2:3:4:5:6:7:8', '1::']) {
      expect(ipv6Text(ipv6Bytes(text))).toBe(text);
    }
    expect(ipv6Text(ipv6Bytes('2001:db8:0:0:1:0:0:0'))).toBe('2001:db8:0:0:1::');
    expect(ipv6Text(wideBytes('192.0.2.1'))).toBe('192.0.2.1');
    expect(ipv6Bytes('::ffff:192.0.2.1')).toEqual(wideBytes('192.0.2.1'));
    expect(() => ipv6Bytes('1:2:3')).toThrow('not an IPv6 address');
  });

  it('reads and writes MAC addresses', () => {
    const bytes = frame(link);
    expect(macText(bytes.subarray(6, 12))).toBe('02:00:00:00:00:01');
  });
});

describe('checksums', () => {
  it('agrees with a header known from the literature', () => {
    const header = Buffer.from('450000730000400040110000c0a80001c0a800c7', 'hex');
    expect(internetChecksum(header)).toBe(0xb861);
  });

  it('pads an odd piece only at the end', () => {
    expect(internetChecksum(Buffer.from([1]), Buffer.from([2, 3]))).toBe(
      internetChecksum(Buffer.from([1, 2, 3])),
    );
  });

  it('computes CRC-32C', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });
});

describe('layers', () => {
  it('announces what follows and computes IPv4 lengths and checksums', () => {
    const bytes = frame(link, vlan(100, { tpid: 0x88a8 }), vlan(7, { priority: 5 }), ipv4(v4), 'x');
    expect(bytes.readUInt16BE(12)).toBe(0x88a8);
    expect(bytes.readUInt16BE(14)).toBe(100);
    expect(bytes.readUInt16BE(16)).toBe(0x8100);
    expect(bytes.readUInt16BE(18)).toBe(0xa007);
    expect(bytes.readUInt16BE(20)).toBe(0x0800);
    const header = bytes.subarray(22, 42);
    expect(header.readUInt16BE(2)).toBe(21);
    expect(header[9]).toBe(253);
    expect(internetChecksum(header)).toBe(0);
  });

  it('puts IPv4 options into the header', () => {
    const bytes = frame(link, ipv4({ ...v4, options: Buffer.from([7, 3, 4, 0, 1]) }), tcp(ports));
    expect(bytes[14]).toBe(0x47);
    expect(internetChecksum(bytes.subarray(14, 42))).toBe(0);
    expect(bytes.readUInt16BE(42)).toBe(1234);
  });

  it('writes fragment fields', () => {
    const bytes = frame(link, ipv4({ ...v4, offset: 1480, moreFragments: true }), filling(8));
    expect(bytes.readUInt16BE(20)).toBe(0x2000 | 185);
  });

  const ports = { sport: 1234, dport: 80 };

  it.each([
    ['tcp', 6, tcp({ ...ports, flags: 'SA', options: Buffer.from([2, 4, 5, 0xb4]) })],
    ['udp', 17, udp(ports)],
    ['icmp6', 58, icmp6({ id: 1, seq: 2 })],
  ])('makes %s checksums come out as zero, over both families', (_, proto, layer) => {
    const four = frame(ipv4(v4), layer, 'odd').subarray(20);
    const six = frame(ipv6(v6), layer, 'odd').subarray(40);
    const [src, dst] = [ipv6Bytes(v6.src), ipv6Bytes(v6.dst)];
    expect(internetChecksum(pseudoHeader(src, dst, proto, six.length), six)).toBe(0);
    const [src4, dst4] = [Buffer.from([10, 0, 0, 1]), Buffer.from([10, 0, 0, 2])];
    expect(internetChecksum(pseudoHeader(src4, dst4, proto, four.length), four)).toBe(0);
  });

  it('computes the checksums of ICMP and SCTP', () => {
    const message = frame(ipv4(v4), icmp(), 'ping').subarray(20);
    expect(internetChecksum(message)).toBe(0);
    const chunk = frame(ipv4(v4), sctp({ ...ports, chunks: [SctpChunk.INIT] })).subarray(20);
    const sum = chunk.readUInt32LE(8);
    chunk.writeUInt32LE(0, 8);
    expect(crc32c(chunk)).toBe(sum);
    expect(chunk.length).toBe(32);
  });

  it('chains IPv6 extension headers', () => {
    const bytes = frame(
      ipv6(v6),
      hopByHop(),
      routing(),
      fragment6({ offset: 0, more: true }),
      authentication(),
      destinationOptions({ body: filling(14) }),
      udp(ports),
    );
    expect(bytes[6]).toBe(0);
    expect([bytes[40], bytes[41]]).toEqual([43, 0]);
    expect([bytes[48], bytes[49]]).toEqual([44, 0]);
    expect([bytes[56], bytes[59]]).toEqual([51, 1]);
    expect([bytes[64], bytes[65]]).toEqual([60, 4]);
    expect([bytes[88], bytes[89]]).toEqual([17, 1]);
    expect(bytes.readUInt16BE(4)).toBe(bytes.length - 40);
  });

  it('says 59 when nothing follows', () => {
    expect(frame(ipv6(v6))[6]).toBe(59);
    expect(frame(ipv6(v6), hopByHop())[40]).toBe(59);
  });

  it('lets every length and checksum be wrong', () => {
    const bytes = frame(
      link,
      ipv4({ ...v4, ihl: 4, length: 3, checksum: 0xbeef, proto: 17, version: 5 }),
      tcp({ ...ports, offset: 15, checksum: 0xdead }),
    );
    expect(bytes[14]).toBe(0x54);
    expect(bytes.readUInt16BE(16)).toBe(3);
    expect(bytes.readUInt16BE(24)).toBe(0xbeef);
    expect(bytes[23]).toBe(17);
    expect(bytes[46]! >> 4).toBe(15);
    expect(bytes.readUInt16BE(50)).toBe(0xdead);
    expect(frame(ipv4(v4), udp({ ...ports, length: 4, checksum: 0 })).subarray(24, 28)).toEqual(
      Buffer.from([0, 4, 0, 0]),
    );
    expect(frame(ipv6({ ...v6, length: 9, next: 6, version: 7 })).subarray(0, 7)).toEqual(
      Buffer.from([0x70, 0, 0, 0, 0, 9, 6]),
    );
  });

  it('builds the link layer around and inside', () => {
    const request = frame(
      link,
      arp({ senderMac: '02:00:00:00:00:01', sender: '10.0.0.1', target: '10.0.0.2' }),
    );
    expect(request.length).toBe(42);
    expect(request.readUInt16BE(12)).toBe(0x0806);
    const snap = frame(
      ieee8023({ src: '02:00:00:00:00:01', dst: '02:00:00:00:00:02', llc: 'aaaa030000000800' }),
      ipv4(v4),
    );
    expect(snap.readUInt16BE(12)).toBe(28);
    const solicitation = frame(ipv6(v6), neighbour(135, '2001:db8::2', '02:00:00:00:00:01'));
    expect(solicitation.length).toBe(72);
    expect(solicitation[40]).toBe(135);
  });

  it('cuts and pads', () => {
    expect(cut(frame(link, 'abc'), 15).length).toBe(15);
    expect(padded(frame(link, 'abc')).length).toBe(60);
    expect(padded(filling(70)).length).toBe(70);
  });

  it('knows the flags of TCP by letter', () => {
    expect(tcpFlags('FSRPAUEC')).toBe(0xff);
    expect(tcpFlags('')).toBe(0);
    expect(() => tcpFlags('X')).toThrow('not a TCP flag');
  });
});

describe('describeFrame', () => {
  it('puts a frame into words', () => {
    expect(
      describeFrame(frame(link, vlan(10), ipv4(v4), tcp({ sport: 1, dport: 25, flags: 'SA' }))),
    ).toBe(
      '02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 10 | 10.0.0.1 > 10.0.0.2 | tcp 1 > 25 [SA] | 58 bytes',
    );
    expect(
      describeFrame(frame(link, ipv6(v6), fragment6({ more: true }), icmp6({ id: 9 }))),
    ).toContain('2001:db8::1 > 2001:db8::2 | fragment 0+ | icmp6 type 128 code 0 id 9');
    expect(
      describeFrame(
        frame(
          link,
          arp({ senderMac: '02:00:00:00:00:01', sender: '10.0.0.1', target: '10.0.0.2' }),
        ),
      ),
    ).toContain('arp who-has 10.0.0.2 from 10.0.0.1');
  });

  it('survives any prefix of a frame and any byte in it', () => {
    const whole = frame(
      link,
      vlan(1),
      ipv6(v6),
      hopByHop(),
      authentication(),
      ipv4(v4),
      icmp({ type: 3 }),
      ipv4(v4),
      sctp({ sport: 1, dport: 2, chunks: [1] }),
      raw('end'),
    );
    for (let length = 0; length <= whole.length; length++) {
      expect(describeFrame(cut(whole, length))).toContain(`${length} bytes`);
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = 0xff;
      expect(describeFrame(changed)).toContain(`${whole.length} bytes`);
    }
  });
});
