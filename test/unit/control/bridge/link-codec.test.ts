import { describe, expect, it } from 'vitest';
import {
  decodeAddress,
  decodeDefaultRoute,
  decodeLink,
  linkHeader,
  macBytes,
  macText,
} from '../../../../src/control/bridge/link-codec.js';
import { AttributeWriter } from '../../../../src/control/netlink/index.js';
import { fc } from '../../../chance.js';

const bytes = (hex: string) => Buffer.from(hex, 'hex');

describe('a link message', () => {
  it('is read with everything in it', () => {
    const attributes = new AttributeWriter()
      .text(3, 'p1')
      .bytes(1, macBytes('02:00:00:00:00:07'))
      .u32(4, 9000)
      .u32(10, 5)
      .u8(33, 1)
      .nest(18, (info) =>
        info
          .text(1, 'veth')
          .text(4, 'bridge')
          .nest(5, (port) => port.u8(1, 3).u8(8, 1)),
      );
    expect(decodeLink(Buffer.concat([linkHeader(0, 7, 0x1043), attributes.finish()]))).toEqual({
      name: 'p1',
      ifindex: 7,
      mac: '02:00:00:00:00:07',
      mtu: 9000,
      carrier: true,
      up: true,
      master: 5,
      kind: 'veth',
      portKind: 'bridge',
      portState: 'forwarding',
      stp: false,
      maxAge: 0,
      hardware: 0,
      flags: 0x1043,
      vlanFiltering: false,
      tuned: false,
    });
  });

  it('about a bridge tells how long BPDUs count', () => {
    const attributes = new AttributeWriter().nest(18, (info) =>
      info.text(1, 'bridge').nest(2, (data) => data.u32(3, 600).u32(5, 1)),
    );
    expect(decodeLink(Buffer.concat([linkHeader(0, 9), attributes.finish()]))).toMatchObject({
      kind: 'bridge',
      stp: true,
      maxAge: 6,
    });
  });

  it('about a bridge port is another kind of message', () => {
    expect(decodeLink(linkHeader(7, 3))).toBeUndefined();
    expect(decodeLink(Buffer.alloc(3))).toBeUndefined();
  });
});

describe('an address message', () => {
  it.each([
    ['02180000', '080002000a000001', { family: 4, address: '10.0.0.1', prefixLength: 24 }],
    ['0a4000fd', `14000100fe80${'00'.repeat(13)}01`, { address: 'fe80::1', linkLocal: true }],
    ['0a400000', `1400010020010db8${'00'.repeat(11)}01`, { family: 6, linkLocal: false }],
  ])('%#', (header, attribute, expected) => {
    const payload = bytes(`${header}07000000${attribute}`);
    expect(decodeAddress(payload)).toMatchObject({ ifindex: 7, ...expected });
  });
});

describe('a route message', () => {
  const route = (length: string, type: string) => `02${length}0000fe0300${type}00000000`;

  it('is a default route by its length and type', () => {
    const oif = '0800040003000000';
    expect(decodeDefaultRoute(bytes(route('00', '01') + oif))).toEqual([3]);
    expect(decodeDefaultRoute(bytes(route('18', '01') + oif))).toEqual([]);
    expect(decodeDefaultRoute(bytes(route('00', '07') + oif))).toEqual([]);
  });

  it('may have several hops', () => {
    const hops = `14000900${'0800000002000000'}${'0800000005000000'}`;
    expect(decodeDefaultRoute(bytes(route('00', '01') + hops))).toEqual([2, 5]);
  });
});

it('no bytes from the kernel make decoding fail', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
      const payload = Buffer.from(noise);
      decodeLink(payload);
      decodeAddress(payload);
      decodeDefaultRoute(payload);
    }),
  );
});

it('MACs go to text and back', () => {
  expect(macText(macBytes('02:ab:00:00:00:07'))).toBe('02:ab:00:00:00:07');
  expect(macText(undefined)).toBe('');
  expect(macText(Buffer.alloc(8))).toBe('');
});
