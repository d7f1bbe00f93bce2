/** `apply --confirm`: a policy that locks its operator out goes away again, daemon or no daemon. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, EventEar, LiveConnection, policy } from './bench.js';

const LOCKED = policy([]);
const OPEN = policy([80]);
const LONG = 600;

describe('a policy on trial', () => {
  let bench: Bench;
  let connection: LiveConnection;

  const tryOut = (seconds: number, text = LOCKED) =>
    bench.api.apply({ text, file: 'policy.yaml' }, 'alice', { confirmSeconds: seconds });
  const history = async () =>
    (await bench.api.history()).map(({ generation, why, current, confirmed }) => ({
      ...{ generation, why, current, confirmed },
    }));

  beforeEach(async () => {
    bench = new Bench();
    await bench.serve(80);
    await bench.start();
    await bench.apply(OPEN);
    connection = new LiveConnection(bench, 80);
    expect(await connection.echoes('before')).toBe(true);
  });
  afterEach(() => bench.close());

  it('is taken back by the packet path with the daemon dead, and by the next daemon in form', async () => {
    const applied = await tryOut(3);
    await bench.kill();
    expect(applied).toMatchObject({ generation: 2, confirm: { fallback: 1 } });
    expect(await connection.echoes('locked out', 500)).toBe(false);
    // The old policy's connection goes on where it was: what TCP sends again arrives.
    expect(await connection.hears('locked out', 20_000)).toBe(true);
    expect(await connection.echoes('reverted')).toBe(true);
    expect(await bench.connects(80)).toBe(true);

    const daemon = await bench.start();
    expect(daemon.log).toContain('took back a policy that was not confirmed');
    expect(await bench.api.status()).toMatchObject({ generation: 3, confirm: null });
    expect((await bench.api.policyText(null)).text).toBe(OPEN);
    expect(await connection.echoes('in form')).toBe(true);
    expect(await history()).toEqual([
      {
        generation: 3,
        why: 'revert of 2 to 1: it was not confirmed',
        current: true,
        confirmed: true,
      },
      { generation: 2, why: '', current: false, confirmed: false },
      { generation: 1, why: '', current: false, confirmed: true },
    ]);
    expect(await bench.apply(OPEN)).toMatchObject({ generation: 3, installed: false });
  });

  it('is taken back in form by a daemon that lives, with an event', async () => {
    const ear = await EventEar.listen(bench.api);
    await tryOut(2);
    const { confirm } = await bench.api.status();
    expect(confirm).toMatchObject({ fallback: 1 });
    expect(confirm!.deadline).toBeGreaterThan(0);
    expect(confirm!.deadline).toBeLessThanOrEqual(2);
    const settled = async () => (await bench.api.status()).confirm === null;
    await expect.poll(settled, { timeout: 20_000 }).toBe(true);
    expect(await bench.api.status()).toMatchObject({ generation: 3 });
    expect(await connection.echoes('after', 20_000)).toBe(true);
    await expect(bench.api.confirm('alice')).rejects.toThrow('no generation waits');
    await expect.poll(() => ear.events.map(({ event }) => event)).toContain('reverted');
    expect(ear.events).toContainEqual(
      expect.objectContaining({ event: 'reverted', generation: 3, from: 2, to: 1 }),
    );
    ear.close();
  });

  it('survives the daemon until it is confirmed, and cuts only then', async () => {
    await tryOut(LONG);
    expect(await connection.echoes('refused', 500)).toBe(false);
    expect((await bench.api.status()).states.established).toBe(1);
    await bench.restart('SIGKILL');
    expect(await bench.api.status()).toMatchObject({ generation: 2, confirm: { fallback: 1 } });
    expect(await bench.connects(80)).toBe(false);
    const rules = (await bench.api.counters({ rules: true })).rules;
    expect(rules.map(({ rule }) => rule.service)).toContain('80/tcp');
    expect(await bench.api.confirm({ user: 'bob', uid: 0 })).toBe(2);
    expect(await bench.api.status()).toMatchObject({ generation: 2, confirm: null });
    expect(await connection.echoes('cut', 1000)).toBe(false);
    expect(await history()).toMatchObject([{ generation: 2, current: true, confirmed: true }, {}]);
    await bench.restart('SIGKILL');
    expect(await bench.api.status()).toMatchObject({ generation: 2, confirm: null });
  });

  it('is not what a node comes back to when everything was lost', async () => {
    await tryOut(LONG);
    await bench.kill();
    expect((await bench.run('--detach')).status).toBe(0);
    await bench.start();
    expect(await bench.api.status()).toMatchObject({ generation: 3, confirm: null });
    expect((await bench.api.policyText(null)).text).toBe(OPEN);
    expect(await history()).toMatchObject([
      { generation: 3, current: true, why: '1 again: nothing was loaded' },
      { generation: 2, confirmed: false },
      { generation: 1 },
    ]);
  });

  it('can be rolled back at once, and stands in the way of the next apply', async () => {
    await tryOut(LONG);
    await expect(bench.apply(policy([443]))).rejects.toThrow(
      'generation 2 waits to be confirmed: confirm it or roll it back first',
    );
    expect(await bench.apply(LOCKED)).toMatchObject({ installed: false, generation: 2 });
    await expect(bench.api.rollback(2, 'alice')).rejects.toThrow('only the one before');
    expect(await bench.api.rollback(null, 'alice')).toMatchObject({
      ...{ generation: 3, installed: true, confirm: null },
    });
    expect(await connection.echoes('again', 20_000)).toBe(true);
    expect((await history())[0]).toMatchObject({ why: 'rollback of 2 to 1' });
    expect(await bench.apply(policy([443]))).toMatchObject({ generation: 4 });
  });
});
