import { expect, it, vi } from 'vitest';
import { Pair, type PairDeps } from '../../../../src/control/daemon/pair.js';

const closed = vi.hoisted(() => [] as string[]);

vi.mock('../../../../src/sync/probes/index.js', async (original) => {
  const named = (name: string) =>
    class {
      readonly handlers = {};
      setKeys() {}
      close() {
        closed.push(name);
      }
    };
  return {
    ...(await original<object>()),
    ...{ Prober: named('prober'), Agreement: named('agreement'), AddressBook: named('addresses') },
  };
});

it('a pair that does not come up leaves no thread behind', () => {
  const deps = {
    config: { node: 'fw1', api: { listen: { host: '192.0.2.1', port: 7443 } } },
    ha: { peer: { name: 'fw2', host: '192.0.2.2', port: 7443 }, priority: 100 },
    file: { keys: { slots: [null, null], sign: 0 }, epoch: 0 },
    ports: { all: [] },
    peerAddress: { current: null },
    server: {
      add: () => {
        throw new Error('served already');
      },
    },
  };
  expect(() => new Pair(deps as unknown as PairDeps)).toThrow('served already');
  expect(closed.sort()).toEqual(['addresses', 'agreement', 'prober']);
});
