/** Members of dynamic groups in a wall that runs: they expire, and leave with their group. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, policy } from './bench.js';

const WITH = policy([]);
const WITHOUT = WITH.replace(/.*badguys.*\n?/g, '').replace('deny:\n', '');

describe('members of a group', () => {
  let bench: Bench;

  const members = async () => (await bench.api.sets())[0]?.members;
  const someOf = (...last: number[]) => last.map((each) => `198.51.100.${each}`);

  beforeAll(async () => {
    bench = new Bench();
    await bench.start();
    await bench.apply(WITH);
  });
  afterAll(() => bench.close());

  it('make room when their time is over, also those before one too many', async () => {
    const four = bench.api.setAdd('badguys', someOf(1, 2, 3, 4), 1);
    await expect(four).rejects.toThrow('set badguys is full: it holds 3 members');
    expect(await members()).toBe(3);
    await expect.poll(members, { timeout: 20_000 }).toBe(0);
    expect(await bench.api.setAdd('badguys', someOf(5), null)).toBe(1);
  });

  it('leave with their group', async () => {
    await bench.apply(WITHOUT);
    await bench.apply(WITH.replace('badguys:', 'others: {dynamic: true}\n  badguys:'));
    expect(await bench.api.sets()).toMatchObject([{ members: 0 }, { members: 0 }]);
  });

  it('a time to live beyond all clocks is refused', async () => {
    await expect(bench.api.setAdd('badguys', someOf(6), 1e18)).rejects.toMatchObject({
      code: 'invalid',
    });
  });
});

describe('a wall that has lost the device of a port', () => {
  it('still tells how it is', async () => {
    const bench = new Bench();
    try {
      await bench.start();
      bench.wall.ip('link', 'delete', 'dn0');
      const gone = { mode: 'none', why: 'its device is gone' };
      await expect
        .poll(async () => (await bench.api.status()).attach, { timeout: 20_000 })
        .toMatchObject([
          { port: 'up0', mode: 'tc' },
          { port: 'dn0', ...gone },
        ]);
      expect(await bench.api.ports()).toMatchObject([{ name: 'up0' }, { name: 'dn0', ...gone }]);
      const query = { protocol: 'tcp', source: '10.9.0.2', sourcePort: 1, port: 'dn0' };
      const rest = { destination: '10.9.0.1', destinationPort: 2, icmpType: 0, vlan: [] };
      await expect(bench.api.explain({ ...query, ...rest })).rejects.toMatchObject({
        code: 'precondition',
        message: 'the device of port dn0 is gone',
      });
    } finally {
      await bench.close();
    }
  });
});
