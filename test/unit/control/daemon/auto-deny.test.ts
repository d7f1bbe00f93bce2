import { describe, expect, it } from 'vitest';
import { AutoDeny } from '../../../../src/control/daemon/auto-deny.js';
import type { DropsEvent } from '../../../../src/control/dataplane/index.js';
import type { Plan } from '../../../../src/control/policy/index.js';

const position = { file: 'p.yaml', line: 9, column: 11 };
const onDrop = (group: number) => ({
  group,
  after: 20,
  windowSeconds: 10,
  ttlSeconds: 600,
  position,
});
const PLAN = {
  dynamicGroups: [{ name: 'badguys' }, { name: 'quarantine' }],
  onDrop: [onDrop(0), onDrop(1)],
} as unknown as Plan;

const address = (last: number): Uint8Array =>
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 198, 51, 100, last);
const crossing = (last: number, more: Partial<DropsEvent> = {}): DropsEvent => ({
  ...{ kind: 'drops', time: 5n, generation: 7, number: 0, reason: 'no-in', port: 1 },
  ...{ source: address(last), destination: address(200), proto: 'tcp', destinationPort: 22 },
  ...more,
});

/** With what it did, in words. */
function autoDeny(o: { age?: number; full?: boolean; generation?: number } = {}) {
  const done: unknown[] = [];
  const deny = new AutoDeny({
    active: () => ({ generation: o.generation ?? 7, plan: PLAN }),
    ban: async (group, sources, ttl) => {
      done.push([group, sources.map((one) => one[15]), ttl]);
      return { banned: sources.map(() => !o.full), why: o.full ? 'it is full' : '' };
    },
    secondsSince: () => o.age ?? 0,
    portName: (number) => `up${number}`,
    events: { emit: (kind, fields) => done.push([kind, fields]) },
    onError: (error) => done.push(String(error)),
  });
  return { deny, done };
}

describe('who had too much dropped', () => {
  it('goes into the group, those of one onDrop together, and each is an event', async () => {
    const { deny, done } = autoDeny();
    deny.take([crossing(1), crossing(2), crossing(3, { number: 1, destinationPort: 0 })]);
    await deny.close();
    const told = (last: number, group: string, what: string) => [
      'auto-denied',
      {
        ...{ address: `198.51.100.${last}`, group, ttl: 600, reason: 'no-in', drops: 20 },
        ...{ seconds: 10, port: 'up1', last: what, file: 'p.yaml', line: 9 },
      },
    ];
    expect(done).toEqual([
      ['badguys', [1, 2], 600],
      told(1, 'badguys', 'tcp 198.51.100.200 port 22'),
      told(2, 'badguys', 'tcp 198.51.100.200 port 22'),
      ['quarantine', [3], 600],
      told(3, 'quarantine', 'tcp 198.51.100.200'),
    ]);
  });

  it('by a policy that judges no more, does not', async () => {
    const { deny, done } = autoDeny({ generation: 8 });
    deny.take([crossing(1), { kind: 'table-full', port: 1 }]);
    await deny.close();
    expect(done).toEqual([]);
  });

  it('long ago, is banned for what is left, if anything is', async () => {
    for (const [age, ttls] of [
      [100.5, [500]],
      [600, []],
    ] as const) {
      const { deny, done } = autoDeny({ age });
      deny.take([crossing(1)]);
      await deny.close();
      expect(
        done
          .filter((one) => Array.isArray(one) && one[0] === 'badguys')
          .map((one) => (one as unknown[])[2]),
      ).toEqual(ttls);
    }
  });

  it('and finds no room, is told of', async () => {
    const { deny, done } = autoDeny({ full: true });
    deny.take([crossing(1), crossing(2)]);
    await deny.close();
    expect(done[1]).toEqual([
      'auto-deny-failed',
      { group: 'badguys', count: 2, why: 'it is full' },
    ]);
  });
});
