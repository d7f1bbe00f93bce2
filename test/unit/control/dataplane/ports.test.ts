import { describe, expect, it } from 'vitest';
import { macBytes, numberPorts } from '../../../../src/control/dataplane/ports.js';

const device = (ifindex: number) => ({
  name: `port${ifindex}`,
  side: 'inside' as const,
  ifindex,
  mac: '02:00:00:00:00:01',
  driver: 'veth',
});

describe('numberPorts', () => {
  const numbers = (ifindexes: number[], held: [number, number][] = [], limit = 64) =>
    numberPorts(ifindexes.map(device), new Map(held), limit).map((port) => port.number);

  it('counts from 0 in the order of the node file', () => {
    expect(numbers([7, 5, 9])).toEqual([0, 1, 2]);
  });

  it('lets a device keep its number, and fills the gaps with new ones', () => {
    const held: [number, number][] = [
      [7, 1],
      [5, 3],
    ];
    expect(numbers([5, 20, 7, 21, 22], held)).toEqual([3, 0, 1, 2, 4]);
  });

  it('says when there are too many', () => {
    expect(() => numbers([1, 2, 3], [], 2)).toThrow(/at most 2 ports/);
  });
});

it('reads a MAC', () => {
  expect([...macBytes('02:aB:00:ff:10:01')]).toEqual([2, 0xab, 0, 0xff, 0x10, 1]);
});
