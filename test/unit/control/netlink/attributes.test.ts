import { describe, expect, it } from 'vitest';
import { socketInode } from '../../../../src/control/netlink/descriptor.js';
import { Attributes, AttributeWriter } from '../../../../src/control/netlink/index.js';
import { fc } from '../../../chance.js';

describe('attributes', () => {
  it('are read as they were written', () => {
    const written = new AttributeWriter()
      .u8(1, 200)
      .u32(2, 0xdeadbeef)
      .u16be(3, 0x1234)
      .u32be(4, 0xcafe0001)
      .text(5, 'br0')
      .nest(6, (inner) => inner.u8(1, 7).bytes(2, Uint8Array.of(1, 2, 3)))
      .finish();
    expect(written.length % 4).toBe(0);
    const read = new Attributes(written);
    expect(read.u8(1)).toBe(200);
    expect(read.u32(2)).toBe(0xdeadbeef);
    expect(read.u16be(3)).toBe(0x1234);
    expect(read.u32be(4)).toBe(0xcafe0001);
    expect(read.text(5)).toBe('br0');
    expect(read.nested(6)?.u8(1)).toBe(7);
    expect(read.nested(6)?.bytes(2)).toEqual(Buffer.from([1, 2, 3]));
    expect(read.bytes(9)).toBeUndefined();
    expect(read.u32(1)).toBeUndefined();
    expect(read.nested(9)).toBeUndefined();
  });

  it('may be any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const read = new Attributes(Buffer.from(bytes));
        for (let type = 0; type < 8; type++) {
          expect(read.bytes(type)?.length ?? 0).toBeLessThanOrEqual(bytes.length);
        }
      }),
    );
  });
});

describe('the kernel’s list of netlink sockets', () => {
  const list = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000002ba8b08a 0   0          00000000 0        0        0     2        0        4       
00000000cdf1cf79 12  4194961    00000000 5120     0        0     2        17       89123   
00000000cdf1cf80 0   4194961    00000001 0        0        0     2        0        89124   
`;

  it('is searched by family and port', () => {
    expect(socketInode(list, 12, 4194961)).toBe(89123);
    expect(socketInode(list, 0, 4194961)).toBe(89124);
    expect(socketInode(list, 12, 1)).toBeUndefined();
    expect(socketInode('', 12, 1)).toBeUndefined();
  });
});
