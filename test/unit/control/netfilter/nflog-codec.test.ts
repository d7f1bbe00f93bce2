import { describe, expect, it } from 'vitest';
import {
  bindMessage,
  decodeRecord,
  NflogMessage,
  packetGroup,
  settingsMessage,
} from '../../../../src/control/netfilter/nflog-codec.js';
import { AttributeWriter } from '../../../../src/control/netlink/index.js';

const HEADER = Buffer.from([7, 0, 0, 5]);
const UDP = '45000020000040004011f6ca0a0000010a00000212340035000c0000deadbeef';
const MACS = 'ffffffffffff02b300020101';

function packet(fill: (attributes: AttributeWriter) => void) {
  const attributes = new AttributeWriter();
  fill(attributes);
  const payload = Buffer.concat([HEADER, attributes.finish()]);
  return { type: NflogMessage.PACKET, flags: 0, payload };
}

describe('messages to the kernel', () => {
  it('claim a group', () => {
    expect(bindMessage(5).toString('hex')).toBe('000000050500010001000000');
  });

  it('say how to send', () => {
    const settings = { bytes: 192, batch: 32, timeoutHundredths: 10, bufferBytes: 65536 };
    expect(settingsMessage(0x1234, settings).toString('hex')).toBe(
      `00001234${'0a000200'}000000c002000000${'08000300'}00010000${'08000400'}0000000a${'08000500'}00000020${'06000600'}00010000`,
    );
  });
});

describe('a record', () => {
  it('is read with everything in it', () => {
    const time = Buffer.alloc(16);
    time.writeBigUInt64BE(1_700_000_000n, 0);
    time.writeBigUInt64BE(123_456n, 8);
    const message = packet((attributes) =>
      attributes
        .u32be(2, 0xb3000201)
        .bytes(3, time)
        .u32be(4, 9)
        .u32be(6, 3)
        .bytes(9, Buffer.from(UDP, 'hex'))
        .text(10, 'bridgewall:fw1')
        .u32be(12, 77)
        .bytes(16, Buffer.from('00'.repeat(14), 'hex'))
        .nest(20, (vlan) => vlan.u16be(1, 0x8100).u16be(2, 0x600a))
        .bytes(21, Buffer.from(`${MACS}0800`, 'hex')),
    );
    expect(packetGroup(message)).toBe(5);
    expect(decodeRecord(message, 1)).toMatchObject({
      mark: 0xb3000201,
      time: 1_700_000_000_123,
      ifindex: 3,
      prefix: 'bridgewall:fw1',
      sequence: 77,
      proto: 'udp',
      src: '10.0.0.1',
      dport: 53,
      vlan: [10],
      srcMac: '02:b3:00:02:01:01',
      length: 14 + 32 + 4,
    });
  });

  it('may lack everything', () => {
    expect(
      decodeRecord(
        packet(() => {}),
        42,
      ),
    ).toMatchObject({
      mark: 0,
      time: 42,
      ifindex: 0,
      prefix: '',
      sequence: undefined,
      proto: '',
      length: 0,
    });
  });

  it('is as long as its IP header says when it was cut', () => {
    const long = UDP.replace('45000020', '450005dc');
    const message = packet((attributes) =>
      attributes.bytes(9, Buffer.from(long, 'hex')).bytes(16, Buffer.from(`${MACS}0800`, 'hex')),
    );
    expect(decodeRecord(message, 0).length).toBe(1514);
  });

  it('is no other message', () => {
    expect(packetGroup({ type: 3, flags: 0, payload: HEADER })).toBeUndefined();
    const short = { type: NflogMessage.PACKET, flags: 0, payload: Buffer.alloc(2) };
    expect(packetGroup(short)).toBeUndefined();
  });
});
