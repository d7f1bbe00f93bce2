/** Tables that are not what was installed are found when a daemon adopts them. */
import { afterEach, describe, expect, it } from 'vitest';
import { BpfMap } from '../../../native/lib/index.js';
import { PinSet } from '../../../src/control/dataplane/index.js';
import { Bench, policy } from './bench.js';

describe('a daemon that adopts a wall whose tables were damaged', () => {
  let bench: Bench;

  afterEach(() => bench.close());

  /** What the inner map of this name holds in the only slot that is in use. */
  function inner(name: string): BpfMap {
    using outer = BpfMap.adopt(new PinSet(bench.pins, 'fw-1').map(name));
    const key = Buffer.alloc(4);
    for (let slot = 0; slot < outer.info.maxEntries; slot++) {
      key.writeUInt32LE(slot);
      const id = outer.lookup(key);
      if (id !== undefined) return BpfMap.byId(id.readUInt32LE(0));
    }
    throw new Error(`no slot of ${name} is in use`);
  }

  it.each([
    [
      'an entry is gone',
      'matrix',
      (map: BpfMap) => {
        for (const { keys, count } of map.entries()) map.deleteBatch(keys, count);
      },
    ],
    ['an entry says something else', 'services', (map: BpfMap) => map.mmap().fill(0xff, 160, 162)],
  ] as const)('%s: installs the stored text anew', async (_, name, damage) => {
    bench = new Bench();
    await bench.serve(80);
    await bench.start();
    await bench.apply(policy([80]));
    await bench.kill();
    {
      using map = inner(name);
      damage(map);
    }
    expect(await bench.connects(80)).toBe(false);
    const daemon = await bench.start();
    expect(daemon.log).toMatch(new RegExp(`not what was installed \\(${name}\\)`));
    expect(await bench.api.status()).toMatchObject({ generation: 2, policy: { rules: 3 } });
    expect(await bench.connects(80)).toBe(true);
    expect(await bench.connects(25)).toBe(false);
    expect((await bench.restart()).log).toContain('adopted the installed policy');
    expect((await bench.api.status()).generation).toBe(2);
  });
});
