import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { AddressList, readAddressList } from '../../../src/bwctl/address-list.js';
import { formatAddress, fromV4, readAddress } from '../../../src/control/policy/address.js';
import { fc } from '../../chance.js';

const directory = mkdtempSync(join(tmpdir(), 'bridgewall-list-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, 'list');
  writeFileSync(path, text);
  return path;
}

/** What would be sent. */
function sent(list: AddressList): string[] {
  return [...list.pieces()].flatMap(({ width, bytes }) =>
    Array.from({ length: bytes.length / width }, (_, i) => {
      const one = bytes.subarray(i * width, (i + 1) * width);
      return formatAddress(width === 4 ? fromV4(one) : one);
    }),
  );
}

describe('a list of addresses', () => {
  test('has one per line, and comments', async () => {
    const text =
      '# bad\n192.0.2.1\r\n\n  2001:db8::1\t# worse\n192.0.2.2 #\n2001:DB8:0::2\n192.0.2.1';
    const list = await readAddressList(file(text));
    expect(list.count).toBe(5);
    expect(sent(list)).toEqual([
      '192.0.2.1',
      '192.0.2.2',
      '192.0.2.1',
      '2001:db8::1',
      '2001:db8::2',
    ]);
  });

  test('keeps the lines of plain addresses, however they end and wherever a piece of the file does', async () => {
    const count = 100_000;
    const address = (i: number) => `10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`;
    const lines = Array.from({ length: count }, (_, i) =>
      i % 7 === 0 ? `${address(i)}\r\n\n` : `${address(i)}\n`,
    );
    const list = await readAddressList(file(lines.join('')));
    expect(list.count).toBe(count);
    expect(sent(list)).toEqual(Array.from({ length: count }, (_, i) => address(i)));
    const last = count + Math.ceil((count - 1) / 7);
    expect(list.refusal(count - 1, 'no').position).toMatchObject({ line: last, column: 1 });
  });

  test('is sent in pieces, however long it is', async () => {
    const texts = Array.from({ length: 70_000 }, (_, i) =>
      i % 3 === 0
        ? `2001:db8:${((i >>> 12) + 1).toString(16)}::${((i & 4095) + 1).toString(16)}`
        : `10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`,
    );
    const list = await readAddressList(file(`${texts.join('\n')}\n`));
    let told = 0;
    for (const { bytes } of list.pieces((count) => {
      told = count;
    })) {
      expect(bytes.length).toBeLessThanOrEqual(65_536);
    }
    expect(told).toBe(70_000);
    expect(sent(list).sort()).toEqual(texts.sort());
  });

  test.each([
    ['10.0.0.1\n10.0.0.256\n', '2:1: 10.0.0.256 is not an address: 256 is over 255'],
    ['10.0.0.1\n\n \t10.0.00.1', '3:3: 10.0.00.1 has a leading zero'],
    ['mail.example.org # ours', '1:1: mail.example.org is not an address'],
    ['10.0.0.0/8', '1:1: 10.0.0.0/8 is not a single address; hint: a dynamic group holds single'],
    ['10.0.0.1/32', '1:1: 10.0.0.1/32 is not a single address; hint: write 10.0.0.1'],
    ['10.0.0.1  10.0.0.2', '1:11: 10.0.0.2 stands after an address; one goes on a line'],
    [
      '::ffff:10.0.0.1',
      '1:1: ::ffff:10.0.0.1 is an IPv4-mapped IPv6 address; hint: write 10.0.0.1',
    ],
    ['10.0.0.1\n\u001b[31m', '2:1: ?[31m is not an address'],
    ['x'.repeat(100_000), '1:1: this line is too long'],
  ])('%j tells where it is wrong', async (text, complaint) => {
    const path = file(text);
    await expect(readAddressList(path)).rejects.toThrow(`${path}:${complaint}`);
  });

  test('that cannot be read says why', async () => {
    await expect(readAddressList(join(directory, 'none'))).rejects.toThrow('no such file');
    await expect(readAddressList(directory)).rejects.toThrow('is a directory');
  });

  test('tells the line of an address that the node refuses', () => {
    const list = new AddressList('feed');
    for (const [i, text] of ['::1', '10.0.0.1', '10.0.0.2', '::2'].entries()) {
      list.take(Buffer.from(text), i + 1);
    }
    expect(list.refusal(1, 'no').message).toBe('feed:3:1: no');
    expect(list.refusal(3, 'no')).toMatchObject({ position: { file: 'feed', line: 4, column: 1 } });
  });

  test('reads IPv4 as the policy does, fast or not', () => {
    const part = fc.oneof(
      fc.integer({ min: 0, max: 300 }).map(String),
      fc.constantFrom('00', '01', ''),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 3, maxLength: 5 }), (parts) => {
        const text = parts.join('.');
        const address = readAddress(text);
        const list = new AddressList('feed');
        if (address instanceof Uint8Array) {
          list.take(Buffer.from(text), 1);
          expect(sent(list)).toEqual([formatAddress(address)]);
        } else {
          expect(() => list.take(Buffer.from(text), 1)).toThrow();
        }
      }),
    );
  });
});
