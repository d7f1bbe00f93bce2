import { describe, expect, it, vi } from 'vitest';
import { PairMap } from '../../../../src/control/dataplane/index.js';
import { Prober } from '../../../../src/sync/probes/prober.js';
import { nodeNumber } from '../../../../src/sync/probes/wire.js';
import { PairMaps } from '../../control/dataplane/pair-maps.js';

const beacon = vi.hoisted(() => ({
  ...{ opens: true, framed: true, closed: 0 },
  received: [] as (readonly bigint[])[],
}));

vi.mock('../../../../native/lib/index.js', async (original) => ({
  ...(await original<object>()),
  Beacon: class {
    constructor() {
      if (!beacon.opens) throw new Error('no sockets');
    }
    snapshot() {
      return { now: 1n };
    }
    setFrames() {
      if (!beacon.framed) throw new Error('no frames');
    }
    setKeys(_keys: Uint8Array, _usable: number, _sign: number, received: readonly bigint[]) {
      beacon.received.push(received);
    }
    close() {
      beacon.closed++;
    }
  },
}));

describe('a prober', () => {
  const port = { number: 0, name: 'up0', side: 'uplink', ifindex: 3, mac: '02:00:00:00:00:01' };
  const open = (maps: PairMaps) =>
    new Prober({
      ...{ dataplane: maps, node: 'fw1', peer: 'fw2', priority: 100, link: null },
      ports: [port as never],
      onChange: () => {},
    });

  it.each([
    { opens: false, framed: true },
    { opens: true, framed: false },
  ])('that does not come up leaves the pair as it was: %j', (how) => {
    Object.assign(beacon, how, { closed: 0 });
    const maps = new PairMaps();
    const [node, peer] = [nodeNumber('fw1'), nodeNumber('fw2')];
    const pair = new PairMap(maps);
    pair.begin({ node, peer, priority: 100, first: true, life: 7n });
    pair.setKey(0, Buffer.alloc(16, 5));
    const before = maps.pair.toString('hex');
    expect(() => open(maps)).toThrow(/no (sockets|frames)/);
    expect(maps.pair.toString('hex')).toBe(before);
    expect(beacon.closed).toBe(how.opens ? 1 : 0);
  });

  it('begins another life of the same pair, with its keys', () => {
    Object.assign(beacon, { opens: true, framed: true });
    const maps = new PairMaps();
    const lives = [0, 1].map(() => {
      open(maps);
      new PairMap(maps).setKey(0, Buffer.alloc(16, 5));
      return maps.now.life;
    });
    expect(lives[0]).not.toBe(lives[1]);
    open(maps);
    expect(maps.now).toMatchObject({ node: nodeNumber('fw1'), peer: nodeNumber('fw2'), keys: 1 });
  });

  it('takes no datagram for new that is older than what came by the segments before it began', () => {
    Object.assign(beacon, { opens: true, framed: true, received: [] });
    const maps = new PairMaps();
    const [old, fresh] = [Buffer.alloc(16, 5), Buffer.alloc(16, 6)];
    new PairMap(maps).setKey(0, old);
    maps.hear(0, 77n);
    maps.hear(1, 88n);
    const prober = open(maps);
    prober.setKeys({ slots: [old, null], sign: 0 });
    prober.setKeys({ slots: [old, fresh], sign: 0 });
    // Under a key that is new nothing has come yet.
    expect(beacon.received.map((each) => each.slice(0, 1))).toEqual([[77n], [77n]]);
    expect(beacon.received[1]).toEqual([77n, 0n]);
  });
});
