import { describe, expect, it } from 'vitest';
import { type FrameSpec, firstFrame, Protocol } from '../../../../src/control/dataplane/frame.js';
import { readAddress } from '../../../../src/control/policy/address.js';

function address(text: string): Uint8Array {
  const read = readAddress(text);
  if (!(read instanceof Uint8Array)) throw new Error(read.problem);
  return read;
}

function frame(
  protocol: number,
  family: 4 | 6,
  ports = { source: 40000, destination: 25 },
  place: Partial<Pick<FrameSpec, 'vlan' | 'sourceMac'>> = {},
) {
  return firstFrame({
    protocol,
    source: address(family === 4 ? '10.0.0.1' : '2001:db8::1'),
    destination: address(family === 4 ? '192.0.2.25' : '2001:db8::25'),
    sourcePort: ports.source,
    destinationPort: ports.destination,
    icmpType: family === 4 ? 8 : 128,
    ...{ vlan: [0, 0], sourceMac: null },
    ...place,
  });
}

/** Sum of all 16-bit words, folded: 0xffff when a checksum is right. */
function fold(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function pseudo(family: 4 | 6, f: Buffer, length: number): Buffer {
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(length);
  tail[7] = family === 4 ? f[14 + 9]! : f[14 + 6]!;
  const addresses = family === 4 ? f.subarray(26, 34) : f.subarray(22, 54);
  return Buffer.concat([addresses, tail]);
}

describe('firstFrame', () => {
  it('makes a clean SYN', () => {
    const f = frame(Protocol.TCP, 4);
    expect(f.readUInt16BE(12)).toBe(0x0800);
    expect(f[14 + 9]).toBe(6);
    expect(f.readUInt16BE(34)).toBe(40000);
    expect(f.readUInt16BE(36)).toBe(25);
    expect(f[34 + 13]).toBe(0x02);
  });

  it('has the tags and the MAC that it is told to have', () => {
    const ports = { source: 1, destination: 2 };
    const one = frame(Protocol.TCP, 4, ports, { vlan: [10, 0], sourceMac: '02:00:00:00:0d:25' });
    expect(one.subarray(6, 18).toString('hex')).toBe('020000000d258100000a0800');
    const two = frame(Protocol.TCP, 6, ports, { vlan: [100, 10] });
    expect(two.subarray(12, 22).toString('hex')).toBe('88a800648100000a86dd');
  });

  it('has its lengths right and is never shorter than a frame may be', () => {
    for (const family of [4, 6] as const) {
      for (const protocol of [...Object.values(Protocol), 47]) {
        const f = frame(protocol, family);
        expect(f.length).toBeGreaterThanOrEqual(60);
        const said = family === 4 ? f.readUInt16BE(16) + 14 : f.readUInt16BE(18) + 54;
        expect(said).toBeLessThanOrEqual(f.length);
        expect(f.length === 60 || said === f.length).toBe(true);
      }
    }
  });

  it('has its checksums right', () => {
    for (const family of [4, 6] as const) {
      const start = family === 4 ? 34 : 54;
      for (const protocol of [Protocol.TCP, Protocol.UDP]) {
        const f = frame(protocol, family);
        const end = family === 4 ? f.readUInt16BE(16) + 14 : f.readUInt16BE(18) + 54;
        const l4 = f.subarray(start, end);
        expect(fold(Buffer.concat([pseudo(family, f, l4.length), l4]))).toBe(0xffff);
      }
    }
    const v4 = frame(Protocol.ICMP, 4);
    expect(fold(v4.subarray(14, 34))).toBe(0xffff);
    expect(fold(v4.subarray(34, v4.readUInt16BE(16) + 14))).toBe(0xffff);
    const v6 = frame(Protocol.ICMP6, 6);
    const message = v6.subarray(54, v6.readUInt16BE(18) + 54);
    expect(fold(Buffer.concat([pseudo(6, v6, message.length), message]))).toBe(0xffff);
  });
});
