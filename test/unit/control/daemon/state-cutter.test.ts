import { expect, it } from 'vitest';
import { StateCutter } from '../../../../src/control/daemon/state-cutter.js';

/** Passes that end when they are told to. */
function slowPasses() {
  const waiting: ((error?: Error) => void)[] = [];
  let begun = 0;
  const cut = () =>
    new Promise<number>((resolve, reject) => {
      begun++;
      waiting.push((error) => (error === undefined ? resolve(0) : reject(error)));
    });
  return { cut, begun: () => begun, end: (error?: Error) => waiting.shift()!(error) };
}

/** Long enough for a grace of 0 ms. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

it('makes one more pass for all that was asked during one', async () => {
  const passes = slowPasses();
  const cutter = new StateCutter(passes, () => {}, 0);
  for (let i = 0; i < 5; i++) cutter.ask();
  await settled();
  expect(passes.begun()).toBe(1);
  for (let i = 0; i < 5; i++) cutter.ask();
  expect(passes.begun()).toBe(1);
  passes.end();
  await settled();
  expect(passes.begun()).toBe(2);
  passes.end();
  await settled();
  expect(passes.begun()).toBe(2);
  cutter.ask();
  await settled();
  expect(passes.begun()).toBe(3);
  passes.end();
  await cutter.close();
});

it('goes on after a pass that failed, and ends when it is closed', async () => {
  const passes = slowPasses();
  const errors: unknown[] = [];
  const cutter = new StateCutter(passes, (error) => errors.push(error), 0);
  cutter.ask();
  await settled();
  cutter.ask();
  passes.end(new Error('no iterator'));
  await settled();
  expect(errors).toHaveLength(1);
  expect(passes.begun()).toBe(2);
  cutter.ask();
  const closed = cutter.close();
  passes.end();
  await closed;
  cutter.ask();
  expect(passes.begun()).toBe(2);
});

it('leaves packets the first word, and begins none once it is closed', async () => {
  const passes = slowPasses();
  const cutter = new StateCutter(passes, () => {}, 60_000);
  cutter.ask();
  await settled();
  expect(passes.begun()).toBe(0);
  await cutter.close();
  expect(passes.begun()).toBe(0);
});
