import { describe, expect, it } from 'vitest';
import { index } from '../../../../src/control/dataplane/array-key.js';
import { PairMap } from '../../../../src/control/dataplane/index.js';
import * as layouts from '../../../../src/generated/layouts.js';
import { PairMaps } from './pair-maps.js';

const SETTINGS = { node: 1, peer: 2, priority: 100, first: true, life: 7n };
const KEY = Buffer.alloc(16, 5);

describe('what the packet path knows of the pair', () => {
  function begun() {
    const maps = new PairMaps();
    const pair = new PairMap(maps);
    pair.begin(SETTINGS);
    pair.setKey(0, KEY);
    pair.setKey(1, Buffer.alloc(16, 6));
    maps.hear(0, 100n);
    maps.hear(1, 101n);
    const port = layouts.probeCounter.encode({ of: [100n, 101n] });
    (maps.map('probe_counters') as { update(key: Buffer, value: Buffer): void }).update(
      index(3),
      port,
    );
    return { maps, pair };
  }
  const onPort = (maps: PairMaps) => {
    const map = maps.map('probe_counters') as { lookup(key: Buffer): Buffer };
    return layouts.probeCounter.decode(map.lookup(index(3))).of;
  };

  it('hears nothing again that was heard before the daemon started anew', () => {
    const { maps } = begun();
    const again = new PairMap(maps);
    again.begin({ ...SETTINGS, life: 8n, priority: 200 });
    expect(maps.now).toMatchObject({ peer: 2, keys: 3, life: 8n, priority: 200 });
    again.setKey(0, KEY);
    expect(maps.counters).toEqual([100n, 101n]);
    expect(onPort(maps)).toEqual([100n, 101n]);
  });

  it('hears what comes under another key from its beginning', () => {
    const { maps, pair } = begun();
    pair.setKey(1, Buffer.alloc(16, 9));
    expect(maps.counters).toEqual([100n, 0n]);
    expect(onPort(maps)).toEqual([100n, 0n]);
    expect(maps.now.keys).toBe(3);
  });

  it('hears nothing again under a key that was taken out and is put back', () => {
    const { maps, pair } = begun();
    pair.dropKey(0);
    expect(maps.now.keys).toBe(2);
    pair.setKey(0, KEY);
    expect(maps.now.keys).toBe(3);
    expect(maps.counters).toEqual([100n, 101n]);
  });

  it.each([{ peer: 3 }, { node: 3 }])('takes no key over to another pair: %j', (other) => {
    const { maps, pair } = begun();
    pair.begin({ ...SETTINGS, ...other });
    expect(maps.now.keys).toBe(0);
    expect(maps.now).toMatchObject(other);
  });
});
