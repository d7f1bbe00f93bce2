import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  formatPrefix,
  isV4,
  maskAddress,
  prefixHolds,
  readAddress,
  readPrefix,
} from '../../../../src/control/policy/address.js';
import { fc } from '../../../chance.js';

const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
const v4 = fc.ipV4();
const v6 = bytes.filter((address) => !isV4(address));

function address(text: string): Uint8Array {
  const read = readAddress(text);
  if (!(read instanceof Uint8Array)) throw new Error(read.problem);
  return read;
}

describe('readAddress', () => {
  it('reads what formatAddress writes', () => {
    fc.assert(
      fc.property(v4, (text) => {
        expect(formatAddress(address(text))).toBe(text);
      }),
    );
    fc.assert(
      fc.property(v6, (value) => {
        expect([...address(formatAddress(value))]).toEqual([...value]);
      }),
    );
  });

  it.each([
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
  ])('%s is %s', (text, canonical) => {
    expect(formatAddress(address(text))).toBe(canonical);
  });

  it.each([
    '10.1',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1.2',
    '0x0a.0.0.1',
    '10.0.0.',
    '',
    ' 10.0.0.1',
    '١.0.0.1',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    '::g',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '::10.0.0.01',
    '1.2.3.4::',
  ])('refuses %j', (text) => {
    expect(readAddress(text)).toHaveProperty('problem');
  });

  it('says what a leading zero and a mapped address should be', () => {
    expect(readAddress('010.0.0.1')).toHaveProperty('hint', 'write 10.0.0.1 if decimal is meant');
    expect(readAddress('::ffff:10.0.0.1')).toHaveProperty('hint', 'write 10.0.0.1');
  });
});

describe('readPrefix', () => {
  it('counts IPv4 lengths in 128 bits', () => {
    expect(readPrefix('10.0.0.0/8')).toMatchObject({ family: 4, length: 104 });
    expect(readPrefix('10.0.0.1')).toMatchObject({ family: 4, length: 128 });
    expect(readPrefix('2001:db8::/32')).toMatchObject({ family: 6, length: 32 });
  });

  it('reads what formatPrefix writes', () => {
    fc.assert(
      fc.property(v6, fc.integer({ min: 0, max: 128 }), (value, length) => {
        const network = maskAddress(value, length);
        fc.pre(!isV4(network));
        const text = `${formatAddress(network)}/${length}`;
        const prefix = readPrefix(text);
        if ('problem' in prefix) throw new Error(prefix.problem);
        expect(formatPrefix(prefix)).toBe(length === 128 ? text.replace('/128', '') : text);
        expect(prefixHolds(prefix, value)).toBe(true);
      }),
    );
  });

  it('says the network when host bits are set', () => {
    expect(readPrefix('10.1.2.3/8')).toMatchObject({
      problem: '10.1.2.3/8 has bits set past its prefix length',
      hint: 'write 10.0.0.0/8 for the network, or 10.1.2.3 for the one address',
    });
    expect(readPrefix('2001:db8::1/32')).toHaveProperty(
      'hint',
      'write 2001:db8::/32 for the network, or 2001:db8::1 for the one address',
    );
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '::/129', '10.0.0.0/8/8'])(
    'refuses %s',
    (text) => {
      expect(readPrefix(text)).toHaveProperty('problem');
    },
  );

  it('keeps the families apart', () => {
    const everything = readPrefix('::/0');
    if ('problem' in everything) throw new Error(everything.problem);
    expect(prefixHolds(everything, address('10.0.0.1'))).toBe(false);
    expect(prefixHolds(everything, address('2001:db8::1'))).toBe(true);
  });
});
