import { expect, it } from 'vitest';
import { LastingFault } from '../../../../src/control/daemon/lasting-fault.js';

function make() {
  const told: (string | null)[] = [];
  let now = 0;
  const fault = new LastingFault(
    1000,
    (why) => told.push(why),
    () => now,
  );
  const look = (at: number, wrong: string | null) => {
    now = at;
    fault.look(wrong);
  };
  return { told, look, fault };
}

it('tells what lasts, once, and that it is over', () => {
  const { told, look, fault } = make();
  look(100, 'late');
  look(900, 'late');
  expect(told).toEqual([]);
  expect(fault.fault).toBeNull();
  look(1000, 'later');
  expect(told).toEqual(['later']);
  look(2000, 'latest');
  look(5000, 'latest');
  expect(told).toEqual(['later']);
  expect(fault.fault?.why).toBe('latest');
  look(5500, null);
  expect(told).toHaveLength(1);
  look(6000, null);
  expect(told).toEqual(['later', null]);
  expect(fault.fault).toBeNull();
});

it('forgets what was over before it was told', () => {
  const { told, look } = make();
  look(100, 'late');
  look(900, null);
  look(1500, 'late');
  look(1800, 'late');
  expect(told).toEqual([]);
});
