import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestEach, newNumbers } from '../../native/lib/index.js';

/** Records of eight bytes: a big-endian number, and four bytes more. */
const records = (...numbers: number[]) =>
  Buffer.concat(
    numbers.map((number) => {
      const record = Buffer.alloc(8, 0xaa);
      record.writeUInt32BE(number);
      return record;
    }),
  );

describe('newNumbers', () => {
  it('tells each once, and remembers', () => {
    const seen = new Uint8Array(4);
    expect(newNumbers(records(3, 17, 3, 0), 8, 0, seen)).toEqual([3, 17, 0]);
    expect(newNumbers(records(17, 31, 3), 8, 0, seen)).toEqual([31]);
    expect([...seen]).toEqual([0b1001, 0, 0b10, 0b1000_0000]);
  });

  it('passes over what there is no bit for', () => {
    expect(newNumbers(records(8, 7, 0xffffffff), 8, 0, new Uint8Array(1))).toEqual([7]);
  });
});

describe('digestEach', () => {
  it('gives the sha256 of each piece', () => {
    const pieces = ['', 'a', 'in\nh1\n25/tcp\nany\n', 'x'.repeat(1000), ''];
    let end = 0;
    const ends = Uint32Array.from(pieces, (piece) => {
      end += piece.length;
      return end;
    });
    const digests = pieces.map((piece) => createHash('sha256').update(piece).digest());
    expect(digestEach(Buffer.from(pieces.join('')), ends)).toEqual(Buffer.concat(digests));
    expect(digestEach(Buffer.alloc(0), new Uint32Array(0))).toHaveLength(0);
  });
});

it.each<[string, () => unknown]>([
  ['end before the one before', () => digestEach(Buffer.alloc(9), Uint32Array.of(5, 4))],
  ['end past the bytes', () => digestEach(Buffer.alloc(9), Uint32Array.of(10))],
  ['list of ends', () => digestEach(Buffer.alloc(9), [9] as unknown as Uint32Array)],
])('refuses a wrong %s', (_, work) => {
  expect(work).toThrow(expect.objectContaining({ code: 'EUSAGE' }));
});

it.each<[string, () => unknown]>([
  ['no whole number of records', () => newNumbers(Buffer.alloc(9), 8, 0, new Uint8Array(1))],
  ['offset', () => newNumbers(Buffer.alloc(8), 8, 8, new Uint8Array(1))],
  ['size', () => newNumbers(Buffer.alloc(8), 0, 0, new Uint8Array(1))],
  ['seen', () => newNumbers(Buffer.alloc(8), 8, 0, [] as unknown as Uint8Array)],
])('refuses a wrong %s', (what, work) => {
  expect(work).toThrow(
    expect.objectContaining({ code: 'EUSAGE', message: expect.stringContaining(what) }),
  );
});
