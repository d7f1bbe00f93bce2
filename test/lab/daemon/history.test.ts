/** What was installed when, by whom and why; and the ways back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, EventEar, LiveConnection, policy } from './bench.js';

const ALICE = { user: 'alice', uid: 1005 };

describe('the history of a node', () => {
  let bench: Bench;
  let ear: EventEar;

  const source = (ports: number[]) => ({ text: policy(ports), file: 'policy.yaml' });
  const heard = (event: string) => ear.of(event);

  beforeAll(async () => {
    bench = new Bench();
    await bench.serve(80, 443);
    await bench.start();
    ear = await EventEar.listen(bench.api);
  });
  afterAll(async () => {
    ear.close();
    await bench.close();
  });

  it('is empty at first, and has nothing to go back to', async () => {
    expect(await bench.api.history()).toEqual([]);
    await expect(bench.api.policyText(null)).rejects.toThrow('no policy was ever applied');
    await expect(bench.api.confirm(ALICE)).rejects.toThrow('no generation waits');
    await expect(bench.api.apply(source([80]), ALICE, { confirmSeconds: 5 })).rejects.toThrow(
      'there is no policy to go back to',
    );
    await expect.poll(() => heard('daemon-started')).toMatchObject([{ node: 'fw-1' }]);
  });

  it('tells who, when, why and what of every generation', async () => {
    await bench.api.apply(source([80]), ALICE, { why: 'ticket 1' });
    await bench.api.apply(source([80, 443]), 'bob');
    const [second, first] = await bench.api.history();
    expect(first).toMatchObject({ generation: 1, who: ALICE, why: 'ticket 1', rules: 3 });
    expect(second).toMatchObject({ generation: 2, who: { user: 'bob', uid: null }, rules: 4 });
    expect([first!.current, second!.current]).toEqual([false, true]);
    expect(Date.parse(second!.at)).toBeGreaterThanOrEqual(Date.parse(first!.at));
    expect(await bench.api.policyText(1)).toMatchObject({ text: policy([80]), generation: 1 });
    expect((await bench.api.policyText(null)).text).toBe(policy([80, 443]));
    await expect(bench.api.policyText(9)).rejects.toThrow('generation 9 is not kept');
    await expect
      .poll(() => heard('applied'))
      .toMatchObject([
        { generation: 1, ...ALICE, why: 'ticket 1', confirm: 0 },
        { generation: 2, user: 'bob' },
      ]);
  });

  it('shows what differs between two generations', async () => {
    const { differs, changes } = await bench.api.diff(1, 2);
    expect(differs).toBe(true);
    expect(changes).toMatchObject([{ kind: 'added', after: { service: '443/tcp' } }]);
    expect(await bench.api.diff(2, 2)).toMatchObject({ differs: false, changes: [] });
  });

  it('counts the live states that a policy would cut, and cuts no more than those', async () => {
    const gone = new LiveConnection(bench, 443);
    const stays = new LiveConnection(bench, 80);
    expect(await gone.echoes('a')).toBe(true);
    expect(await stays.echoes('b')).toBe(true);
    expect(await bench.api.plan(source([80]))).toMatchObject({ differs: true, statesCut: 1 });
    expect(await bench.api.plan(source([80, 443]))).toMatchObject({ differs: false, statesCut: 0 });
    await bench.api.setAdd('badguys', ['10.9.0.77'], null);
    expect(await bench.api.plan(source([80]))).toMatchObject({ statesCut: 1 });
    expect(await bench.api.plan(source([]))).toMatchObject({ statesCut: 2 });
    const dry = await bench.api.apply(source([80]), ALICE, { dryRun: true });
    expect(dry).toMatchObject({ installed: false, differs: true, statesCut: 1, generation: 2 });
    expect((await bench.api.status()).generation).toBe(2);
    expect(await gone.echoes('c')).toBe(true);

    const rolled = await bench.api.rollback(null, ALICE, 'oops');
    expect(rolled).toMatchObject({ generation: 3, installed: true, statesCut: 1 });
    expect(await gone.echoes('d', 500)).toBe(false);
    expect(await stays.echoes('e')).toBe(true);
    const [third] = await bench.api.history();
    expect(third).toMatchObject({ generation: 3, why: 'rollback of 2 to 1: oops', who: ALICE });
    expect((await bench.api.policyText(null)).text).toBe(policy([80]));
    await expect
      .poll(() => heard('rolled-back'))
      .toMatchObject([{ generation: 3, from: 2, to: 1, why: 'oops' }]);
    await expect.poll(() => heard('state-cut')).toMatchObject([{ reason: 'no-in' }]);
  });

  it('goes back to any generation, and on again', async () => {
    expect(await bench.api.rollback(2, ALICE)).toMatchObject({ generation: 4 });
    expect(await bench.connects(443)).toBe(true);
    await expect(bench.api.rollback(4, ALICE)).rejects.toThrow('generation 4 is the installed one');
    await expect(bench.api.rollback(99, ALICE)).rejects.toThrow('generation 99 is not kept');
    expect(await bench.api.rollback(null, ALICE)).toMatchObject({ generation: 5 });
    expect(await bench.connects(443)).toBe(false);
  });

  it('refuses an apply that expects another generation', async () => {
    const options = { ifGeneration: 4 };
    await expect(bench.api.apply(source([443]), 'bob', options)).rejects.toMatchObject({
      code: 'precondition',
      message: 'generation 5 is installed, not 4: nothing was changed',
    });
    const right = { ifGeneration: 5 };
    expect(await bench.api.apply(source([443]), 'bob', right)).toMatchObject({ generation: 6 });
    await expect(bench.api.apply(source([80]), ALICE, right)).rejects.toThrow('6 is installed');
  });

  it('outlives the daemon', async () => {
    const before = await bench.api.history();
    ear.close();
    await bench.restart();
    expect(await bench.api.history()).toEqual(before);
  });
});
