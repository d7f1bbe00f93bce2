import { describe, expect, it } from 'vitest';
import { dropBlank, newNumbers } from '../../native/lib/index.js';

/** Records of eight bytes: a big-endian number, and four bytes more. */
const records = (...numbers: number[]) =>
  Buffer.concat(
    numbers.map((number) => {
      const record = Buffer.alloc(8, 0xaa);
      record.writeUInt32BE(number);
      return record;
    }),
  );
const FIELD = { offset: 0, length: 4 };

describe('dropBlank', () => {
  it('moves the others together, in their order', () => {
    const bytes = records(0, 7, 0, 0, 1 << 24, 9, 0);
    const left = dropBlank(bytes, 8, FIELD);
    expect(left).toEqual(records(7, 1 << 24, 9));
    expect(left.buffer).toBe(bytes.buffer);
  });

  it('has nothing to do for none, for all and for nothing', () => {
    expect(dropBlank(records(1, 2), 8, FIELD)).toEqual(records(1, 2));
    expect(dropBlank(records(0, 0), 8, FIELD)).toHaveLength(0);
    expect(dropBlank(Buffer.alloc(0), 8, FIELD)).toHaveLength(0);
  });

  it('looks at that field alone', () => {
    expect(dropBlank(records(0, 0), 8, { offset: 4, length: 1 })).toEqual(records(0, 0));
  });
});

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

it.each<[string, () => unknown]>([
  ['no whole number of records', () => dropBlank(Buffer.alloc(9), 8, FIELD)],
  ['length', () => dropBlank(Buffer.alloc(8), 8, { offset: 6, length: 4 })],
  ['offset', () => newNumbers(Buffer.alloc(8), 8, 8, new Uint8Array(1))],
  ['size', () => dropBlank(Buffer.alloc(8), 0, FIELD)],
  ['seen', () => newNumbers(Buffer.alloc(8), 8, 0, [] as unknown as Uint8Array)],
])('refuses a wrong %s', (what, work) => {
  expect(work).toThrow(
    expect.objectContaining({ code: 'EUSAGE', message: expect.stringContaining(what) }),
  );
});
