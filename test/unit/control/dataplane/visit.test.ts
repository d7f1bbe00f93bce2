import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { gathered } from '../../../../src/control/dataplane/visit.js';

async function* pieces(lengths: readonly number[], ms = 0): AsyncGenerator<Buffer> {
  for (const length of lengths) {
    yield Buffer.alloc(length);
    if (ms > 0) await pause(ms);
  }
}

async function lengthsOf(source: AsyncIterable<Buffer>): Promise<number[]> {
  const lengths: number[] = [];
  for await (const { length } of source) lengths.push(length);
  return lengths;
}

describe('records of a pass', () => {
  it('come in pieces of so many bytes or somewhat more, and none that is empty', async () => {
    const source = pieces([0, 3, 0, 3, 5, 0, 2, 0]);
    expect(await lengthsOf(gathered(source, 6))).toEqual([6, 5 + 2]);
    expect(await lengthsOf(gathered(pieces([0, 0]), 6))).toEqual([]);
  });

  it('wait no longer than they may, whatever comes after them', async () => {
    const source = pieces([1, 0, 0, 0, 1, 0, 0, 0], 5);
    expect(await lengthsOf(gathered(source, 1000, 5))).toEqual([1, 1]);
    expect(await lengthsOf(gathered(pieces([1, 0, 0, 0, 1], 5), 1000))).toEqual([2]);
  });
});
