import { describe, expect, it } from 'vitest';
import { assignSlots, SlotsExhaustedError } from '../../../../src/control/dataplane/slots.js';
import { fc } from '../../../chance.js';

const range = { first: 1, count: 4 };

describe('assignSlots', () => {
  it('lets a name keep its number and gives new ones free numbers', () => {
    const held = new Map([
      ['a', 2],
      ['b', 1],
    ]);
    const { slots, fresh } = assignSlots(['c', 'a', 'b'], held, range);
    expect(Object.fromEntries(slots)).toEqual({ a: 2, b: 1, c: 3 });
    expect(fresh).toEqual([3]);
  });

  it('counts a name that occurs twice once', () => {
    expect(assignSlots(['a', 'a'], new Map(), range).fresh).toEqual([1]);
  });

  it('takes the number of a name that leaves only when no other is free', () => {
    const held = new Map([
      ['old', 1],
      ['kept', 2],
    ]);
    expect(assignSlots(['kept', 'x', 'y'], held, range).fresh).toEqual([3, 4]);
    expect(assignSlots(['kept', 'x', 'y', 'z'], held, range).fresh).toEqual([3, 4, 1]);
  });

  it('never takes the number of a name that may come back', () => {
    const held = new Map([
      ['old', 1],
      ['kept', 2],
    ]);
    expect(assignSlots(['kept', 'x', 'y'], held, range, true).fresh).toEqual([3, 4]);
    expect(() => assignSlots(['kept', 'x', 'y', 'z'], held, range, true)).toThrow(
      SlotsExhaustedError,
    );
  });

  it('says when there are more names than numbers', () => {
    expect(() => assignSlots(['a', 'b', 'c', 'd', 'e'], new Map(), range)).toThrow(
      SlotsExhaustedError,
    );
  });

  it('never gives one number twice, and never moves a name', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 2 }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(names, { maxLength: 10 }), (generations) => {
        let held: ReadonlyMap<string, number> = new Map();
        for (const wanted of generations) {
          const { slots } = assignSlots(wanted, held, { first: 1, count: 20 });
          expect(new Set(slots.values()).size).toBe(wanted.length);
          for (const [name, slot] of slots) {
            expect(slot).toBe(held.get(name) ?? slot);
          }
          held = slots;
        }
      }),
    );
  });
});
